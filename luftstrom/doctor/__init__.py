"""What ails a system, and what to do about it: each check gives findings, and none changes anything."""
