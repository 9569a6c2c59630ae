package stage

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Keeper writes what a benchmark or a chaos test finds into a directory as soon as it is found,
// so that nothing is lost when the run ends early: each cut as a line of
// cuts.jsonl, each diagnosis as a file.
type Keeper struct{ dir string }

// NewKeeper returns a Keeper of a directory, which it makes; "" makes one for
// temporary files.
func NewKeeper(dir string) (*Keeper, error) {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "belay-rig-")
		return &Keeper{dir: temporary}, err
	}
	return &Keeper{dir: dir}, os.MkdirAll(dir, 0o755)
}

// Dir returns the directory.
func (k *Keeper) Dir() string { return k.dir }

// keptCut is a line of cuts.jsonl. Times are in seconds.
type keptCut struct {
	Series string             `json:"series"`
	Cut    int                `json:"cut"`
	At     time.Time          `json:"at"`
	Node   string             `json:"node"`
	Leader bool               `json:"leader"`
	After  map[string]float64 `json:"after"` // what was not seen is absent
	Writes int                `json:"writes"`
	Lost   int                `json:"lost"`
	Load   float64            `json:"load"`
	Error  string             `json:"error,omitempty"`
}

// Cut appends a cut; problem is why it failed, or nil.
func (k *Keeper) Cut(series Series, number int, cut Cut, problem error) error {
	line := keptCut{
		Series: series.Name(), Cut: number, At: time.Now(), Node: string(cut.Node), Leader: cut.Leader,
		After: map[string]float64{}, Writes: cut.Writes, Lost: cut.Lost, Load: cut.Load,
	}
	for _, column := range columns {
		if value := column.of(cut); value != 0 {
			line.After[column.name] = float64(value.Milliseconds()) / 1000
		}
	}
	if problem != nil {
		line.Error = problem.Error()
	}
	return k.Line("cuts.jsonl", line)
}

// Line appends something to a file, as a line of JSON.
func (k *Keeper) Line(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(k.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	_, err = file.Write(append(data, '\n'))
	return errors.Join(err, file.Close())
}

// Diagnosis writes a diagnosis and returns the file's name.
func (k *Keeper) Diagnosis(what, text string) (string, error) {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, what)
	path := filepath.Join(k.dir, "diagnosis-"+name+".txt")
	return path, os.WriteFile(path, []byte(text), 0o600) // journals may tell more than others should know
}
