package main

import (
	"net"
	"os"
	"syscall"

	"go.uber.org/zap"
)

// endFaulty ends the daemon at once: the disk hangs or the log is damaged, and
// nothing here can be trusted to end in order. systemd starts the daemon again;
// services go on.
func endFaulty(listener net.Listener, log *zap.Logger, err error) {
	refuse(listener)
	log.Error("fault: the daemon ends itself", zap.Error(err))
	os.Exit(3)
}

// refuse makes the kernel refuse connections from now on. A process whose thread
// waits for a disk that hangs cannot die, and until then its kernel goes on to
// accept connections for it, whoever has closed what: its host would look frozen,
// and be fenced, where it only has no daemon for a while.
func refuse(listener net.Listener) {
	socket, is := listener.(syscall.Conn)
	if !is {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return // closed already
	}
	// Unlike close(2), it concerns the socket and not one of its descriptors.
	_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
}
