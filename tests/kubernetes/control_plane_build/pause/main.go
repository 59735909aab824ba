// What holds a pod's namespaces: it waits, and takes in whoever its pod leaves behind.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	heard := make(chan os.Signal, 8)
	signal.Notify(heard, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGTERM)
	for each := range heard {
		if each != syscall.SIGCHLD {
			return
		}
		for pid := 1; pid > 0; {
			pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		}
	}
	os.Exit(0)
}
