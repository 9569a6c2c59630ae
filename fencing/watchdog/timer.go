package watchdog

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Timer is an armed watchdog. One goroutine at a time may use it.
type Timer struct {
	file     *os.File
	path     string
	timeout  time.Duration
	identity string
}

// Open arms the timer: from now on the host is reset unless it is fed. It refuses
// a device that would be disarmed when this process dies, one that cannot be disarmed
// at all, or whose timeout is not the wanted one.
//
// The interface is that of Linux, Documentation/watchdog/watchdog-api.rst.
func Open(path string, timeout time.Duration) (*Timer, error) {
	if err := wayOut("/", path); err != nil {
		return nil, fmt.Errorf("open watchdog: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("open watchdog: %w; somebody else feeds it: systemd with RuntimeWatchdogSec, or another daemon", err)
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("open watchdog: %w; load the driver of the hardware, or softdog", err)
	case err != nil:
		return nil, fmt.Errorf("open watchdog: %w", err)
	}
	t := &Timer{file: file, path: path}
	if err := t.set(timeout, ioctl); err != nil {
		return nil, errors.Join(fmt.Errorf("watchdog %s: %w", path, err), t.Disarm())
	}
	return t, nil
}

// control is the ioctl layer: it changes, or fills in, what arg points to.
type control func(fd uintptr, request uint, arg unsafe.Pointer) error

func ioctl(fd uintptr, request uint, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// info is struct watchdog_info of linux/watchdog.h.
type info struct {
	options  uint32
	firmware uint32
	identity [32]byte
}

// set checks what the timer can do and sets its timeout.
func (t *Timer) set(timeout time.Duration, do control) error {
	fd := t.file.Fd()
	var able info
	if err := do(fd, unix.WDIOC_GETSUPPORT, unsafe.Pointer(&able)); err != nil {
		return fmt.Errorf("ask what it is: %w; is it a watchdog?", err)
	}
	if able.options&unix.WDIOF_MAGICCLOSE == 0 {
		return errors.New("it would be disarmed when belayd dies (no magic close): it protects nothing")
	}
	t.identity, _, _ = strings.Cut(string(able.identity[:]), "\x00")
	seconds := int32(timeout / time.Second)
	if err := do(fd, unix.WDIOC_SETTIMEOUT, unsafe.Pointer(&seconds)); err != nil {
		return fmt.Errorf("set its timeout to %s: %w", timeout, err)
	}
	var actual int32
	if err := do(fd, unix.WDIOC_GETTIMEOUT, unsafe.Pointer(&actual)); err != nil {
		return fmt.Errorf("read its timeout: %w", err)
	}
	t.timeout = time.Duration(actual) * time.Second
	if t.timeout < MinTimeout || t.timeout > MaxTimeout {
		return fmt.Errorf("asked for %s it takes %s, which is not from %s to %s", timeout, t.timeout, MinTimeout, MaxTimeout)
	}
	return nil
}

// Timeout is the time unfed after which the timer resets the host, as the timer
// itself says.
func (t *Timer) Timeout() time.Duration { return t.timeout }

// softdog is the identity of Linux's softdog driver (drivers/watchdog/softdog.c).
const softdog = "Software Watchdog"

// Software reports whether the timer is the kernel's own, softdog, rather than
// hardware: it resets nothing when the processor that would run it is stuck, or when
// the reset itself hangs.
func (t *Timer) Software() bool { return t.identity == softdog }

// Feed starts the timer's time anew.
func (t *Timer) Feed() error {
	if _, err := t.file.Write([]byte{0}); err != nil {
		return fmt.Errorf("feed %s: %w", t.path, err)
	}
	return nil
}

// Disarm stops the timer and closes it, by the magic character.
func (t *Timer) Disarm() error {
	_, err := t.file.Write([]byte("V"))
	return errors.Join(err, t.file.Close())
}

// Abandon closes the timer without stopping it: the host is reset unless somebody
// opens it again in time.
func (t *Timer) Abandon() error { return t.file.Close() }
