package definition

import (
	"errors"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/belay-ha/belay/resources"
)

// maxTooLarge bounds how many numbers of one file are told of that no machine word
// holds: the file is read anew after each.
const maxTooLarge = 20

// values reads a file's text. A number that does not fit into 64 bits ends the TOML
// reader; here it counts as 0 and is told of with everything else that is wrong.
func (d *decoder) values(text string) (map[string]any, error) {
	for range maxTooLarge {
		var values map[string]any
		_, err := toml.Decode(text, &values)
		var parse toml.ParseError
		if err == nil || !errors.As(err, &parse) || !strings.Contains(parse.Message, " is out of range for ") {
			return values, err
		}
		from := parse.Position.Start
		to := from + numberLength(text[min(from, len(text)):])
		if to == from {
			return nil, err
		}
		at := positionOf(text, from)
		d.add(at, resources.ProblemInvalid, "", fmt.Sprintf("%s does not fit into 64 bits", text[from:to]), "")
		d.tooLarge[place{file: d.name, Position: at}] = true
		text = text[:from] + "0" + strings.Repeat(" ", to-from-1) + text[to:]
	}
	return nil, errors.New("more numbers than can be told do not fit into 64 bits")
}

// numberLength is how many bytes of the text are a number, as TOML writes it.
func numberLength(text string) int {
	end := strings.IndexFunc(text, func(r rune) bool {
		return r > 0x7f || !strings.ContainsRune("+-._0123456789abcdefABCDEFxo", r)
	})
	if end < 0 {
		return len(text)
	}
	return end
}
