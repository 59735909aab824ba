module luftstrom/tests/kubernetes/control_plane_build/pause

go 1.26.0
