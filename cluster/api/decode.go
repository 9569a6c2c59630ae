package api

import (
	"encoding/json"
	"errors"
	"fmt"
)

// decode reads a request's body. An error says at which byte, counted from 1, it
// cannot be read.
func decode(body []byte, into any) error {
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	return &Error{Code: CodeInvalid, Text: fmt.Sprintf("read the request: byte %d of %d: %v", place(err, len(body)), len(body), err)}
}

// place is the byte that an error of encoding/json is about; an error without
// one is about the whole.
func place(err error, size int) int64 {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return max(syntax.Offset, 1)
	case errors.As(err, &kind):
		return max(kind.Offset, 1)
	}
	return int64(min(size, 1))
}
