"""Lock files of the Java parts."""
