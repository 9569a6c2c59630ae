package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// errTooLong is what readUpTo ends in when there is more.
var errTooLong = errors.New("too long")

// readUpTo reads a file, or with "-" the standard input, and returns the name to
// show for it. It reads no more than limit bytes, whatever the file says of its
// size (a device or a pipe may never end), and then returns errTooLong with them.
func (a *app) readUpTo(name string, limit int64) (shown string, text []byte, err error) {
	source, shown := a.in, "<stdin>"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return name, nil, err
		}
		defer f.Close()
		source, shown = f, name
	}
	text, err = io.ReadAll(io.LimitReader(source, limit+1))
	if err != nil {
		return shown, nil, fmt.Errorf("read %s: %w", shown, err)
	}
	if int64(len(text)) > limit {
		return shown, text, errTooLong
	}
	return shown, text, nil
}
