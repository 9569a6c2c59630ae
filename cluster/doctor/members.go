package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ha/belay/cluster/state"
)

// members: each member that should run can be asked.
func (j *judge) members() string {
	for _, s := range j.in.Silent {
		n, known := j.in.State.Nodes[s.Node]
		if known && n.Liveness == state.LivenessLeft {
			j.find("member_stopped", Note, s.Node, on(s.Node, "systemctl start belayd"), "its daemon was stopped in order and was not examined")
			continue
		}
		j.find("member_silent", Critical, s.Node, on(s.Node, "systemctl status belayd; journalctl -u belayd -n 50"), "it could not be examined: %s", s.Error)
	}
	return fmt.Sprintf("%d of %s examined", len(j.in.Examinations), count(len(j.in.State.Nodes), "member"))
}

// quorum: how many voters may be lost before nothing can be decided.
func (j *judge) quorum() string {
	voters, up := 0, 0
	for _, name := range j.in.State.NodeNames() {
		if n := j.in.State.Nodes[name]; n.Voter {
			voters++
			if n.Online() {
				up++
			}
		}
	}
	need := voters/2 + 1
	margin := up - need
	switch {
	case j.in.Leader == "":
		j.find("no_quorum", Critical, "", "belayctl status --stale", "no leader is known: nothing is started, and nobody is fenced")
	case voters == 1 && len(j.in.State.Nodes) > 1:
		j.find("one_voter", Critical, "", "give others a vote: see belayctl node list", "one of %s votes: with it everything is lost", count(len(j.in.State.Nodes), "member"))
	case voters == 2:
		j.find("two_voters", Warning, "", "add a third host: belayctl cluster join --witness", "two voters: the loss of either stops the cluster")
	case voters > 2 && margin == 0:
		j.find("no_margin", Critical, "", "belayctl status; bring the others back", "%d of %s are up: one more loss stops the cluster", up, count(voters, "voter"))
	case voters > 2 && voters%2 == 0:
		j.find("even_voters", Note, "", "add a voter: belayctl cluster join --witness", "%d voters survive no more losses than %d", voters, voters-1)
	}
	return fmt.Sprintf("%d of %s up, %d may be lost", up, count(voters, "voter"), max(margin, 0))
}

// versions: a mixed cluster works, and cannot use what is new.
func (j *judge) versions() string {
	by := map[string][]string{}
	for _, e := range j.in.Examinations {
		by[e.Version] = append(by[e.Version], string(e.Node))
		if e.CommandSet > j.in.State.Version && len(j.in.Examinations) == len(j.in.State.Nodes) {
			j.find("command_set", Note, e.Node, "upgrade the others", "it understands command set %d, the cluster uses %d", e.CommandSet, j.in.State.Version)
		}
	}
	var words []string
	for version, nodes := range by {
		words = append(words, fmt.Sprintf("%s on %s", version, strings.Join(nodes, ", ")))
	}
	slices.Sort(words)
	if len(words) > 1 {
		j.find("version_skew", Warning, "", "finish the upgrade: the older belayd is replaced on one host after the other", "members run different releases: %s", strings.Join(words, "; "))
	}
	return strings.Join(words, "; ")
}

// Bounds of clocks. Safety does not depend on them; tokens, certificates and
// everybody who compares logs do.
const (
	clockWarning  = time.Second
	clockCritical = 5 * time.Minute
)

// clocks: members agree about the time, and somebody keeps it.
func (j *judge) clocks() string {
	worst, known, told := time.Duration(0), false, false
	for _, e := range j.in.Examinations {
		if e.Host.Clock.Known && !e.Host.Clock.Synced {
			j.find("clock_unsynced", Warning, e.Node, on(e.Node, "systemctl enable --now chrony (or systemd-timesyncd)"), "nobody keeps its clock: the kernel says that it is not synchronised")
		}
		nearest, most, measured := nearestClock(e)
		if !measured {
			continue
		}
		known = true
		worst = max(worst, most)
		if off := max(nearest, -nearest); off >= clockWarning {
			told = true
			word := "ahead of"
			if nearest > 0 { // the others' less its own
				word = "behind"
			}
			j.find("clock_offset", clockSeverity(off), e.Node, on(e.Node, "chronyc tracking; chronyc makestep"), "its clock is %s %s that of every other member", off.Round(time.Millisecond), word)
		}
	}
	if worst >= clockWarning && !told {
		j.find("clock_offset", clockSeverity(worst), "", "chronyc tracking, on every member", "clocks of members differ by up to %s", worst.Round(time.Millisecond))
	}
	if !known {
		return count(len(j.in.Examinations), "host")
	}
	return fmt.Sprintf("within %s", max(worst, time.Millisecond).Round(time.Millisecond))
}

// nearestClock is how far the nearest of the others' clocks is from a member's
// own: a member that is far from all of them is the one that is wrong. most is the
// farthest. Each counts as near as the time of the way allows.
func nearestClock(e Examination) (nearest, most time.Duration, measured bool) {
	for _, l := range e.Links {
		if l.API != "" || l.Took == 0 {
			continue
		}
		off := max(max(l.Offset, -l.Offset)-l.Took.Std()/2, 0)
		most = max(most, off)
		signed := off
		if l.Offset < 0 {
			signed = -off
		}
		if !measured || off < max(nearest, -nearest) {
			nearest, measured = signed, true
		}
	}
	return nearest, most, measured
}

func clockSeverity(off time.Duration) Severity {
	if off >= clockCritical {
		return Critical
	}
	return Warning
}
