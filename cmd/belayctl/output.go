package main

import (
	"io"
	"sync"
)

// written passes on what is written and remembers the first failure: most of what
// writes an answer does not look, and an export that was cut off by a full disk
// must not end as if it were whole.
type written struct {
	to  io.Writer
	mu  sync.Mutex
	err error
}

// Write writes on; after a failure it writes nothing more.
func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.to.Write(p)
	w.err = err
	return n, err
}

func (w *written) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// screenOut is the output itself: what draws on the screen has to know that it is
// a terminal, and how large.
func (a *app) screenOut() io.Writer {
	if w, ok := a.out.(*written); ok {
		return w.to
	}
	return a.out
}
