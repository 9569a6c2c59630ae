package main

// SGR codes (ECMA-48, 8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours text for a person's terminal and leaves it alone for anything
// else (and with NO_COLOR set: no-color.org).
func (a *app) paint(code, text string) string {
	if !a.terminal || a.getenv("NO_COLOR") != "" || a.getenv("TERM") == "dumb" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
