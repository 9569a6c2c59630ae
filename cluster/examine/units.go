package examine

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/doctor"
)

// unitsLimit bounds the question about all units.
const unitsLimit = 10 * time.Second

// maxUnits bounds one question: a command line has an end.
const maxUnits = 512

// readUnits asks systemd about the units that resources manage. Names that are no
// unit names are left out.
func readUnits(ctx context.Context, wanted []doctor.Unit) ([]doctor.Unit, error) {
	args := []string{"show", "--no-pager", "--property=LoadState,UnitFileState,ActiveState", "--"}
	var asked []doctor.Unit
	for _, u := range wanted[:min(len(wanted), maxUnits)] {
		if u.Name != "" && !strings.HasPrefix(u.Name, "-") && !strings.ContainsAny(u.Name, "*?[]/ \t\n") {
			asked = append(asked, u)
			args = append(args, u.Name)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, unitsLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("systemctl show: %w", err)
	}
	return parseUnits(string(out), asked)
}

// parseUnits reads a block of properties for each unit, in the order asked.
func parseUnits(out string, asked []doctor.Unit) ([]doctor.Unit, error) {
	blocks := strings.Split(strings.TrimSpace(out), "\n\n")
	if len(blocks) != len(asked) {
		return nil, fmt.Errorf("systemctl show: %d answers about %d units", len(blocks), len(asked))
	}
	for n, block := range blocks {
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch name {
			case "LoadState":
				asked[n].Load = value
			case "UnitFileState":
				asked[n].File = value
			case "ActiveState":
				asked[n].Active = value
			}
		}
	}
	return asked, nil
}
