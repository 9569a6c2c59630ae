package node

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestMetricsTellAPowerCut: by every member, over the API, and by one that nobody
// leads.
func TestMetricsTellAPowerCut(t *testing.T) {
	inWorld(t, 1, 3, func(w *world) {
		leader := w.leader()
		follower, cut := w.others(leader)[0], w.others(leader)[1]
		const service = `belay_resource_instances{resource="vip",role="started"}`
		w.until("it tells of the service", func() bool { return parseNumbers(t, follower.run().Metrics())[service] == 1 })
		numbers := readNumbers(t, w, follower)
		holds(t, numbers, map[string]float64{
			"belay_up": 1, "belay_leading": 0, "belay_leader_known": 1, `belay_leader_info{leader="` + leader.name + `"}`: 1, "belay_voters": 3, "belay_voters_heard": 3,
			`belay_node_online{node="` + cut.name + `"}`: 1, service: 1, "belay_commit_duration_seconds_count": 0,
		})
		if _, told := numbers["belay_plan_actions"]; told {
			t.Error("a follower tells of a plan")
		}
		if age, told := numbers["belay_leader_contact_age_seconds"]; !told || age > 1 {
			t.Errorf("the leader was heard %v s ago", age)
		}
		cut.cutPower()
		w.until("it was fenced", func() bool { return len(leader.run().Local().FenceHistory) == 1 })
		w.until("the plan is carried out", func() bool {
			now := parseNumbers(t, leader.run().Metrics())
			return len(w.runs("vip")) == 1 && w.whole() && now[`belay_plan_actions{state="waiting"}`]+now[`belay_plan_actions{state="in_flight"}`] == 0
		})
		numbers = readNumbers(t, w, leader)
		holds(t, numbers, map[string]float64{
			"belay_leading": 1, `belay_fencings_total{node="` + cut.name + `",result="done"}`: 1, "belay_fencing_duration_seconds_count": 1,
		})
		for _, name := range []string{"belay_commit_duration_seconds_count", "belay_decision_duration_seconds_count", "process_resident_memory_bytes", `belay_operations_total{operation="start",outcome="ok"}`} {
			if numbers[name] <= 0 {
				t.Errorf("%s is %v", name, numbers[name])
			}
		}
		w.isolate(follower)
		w.until("it knows no leader", func() bool { return follower.run().raft.Status().LeaderID == "" })
		holds(t, parseNumbers(t, follower.run().Metrics()), map[string]float64{"belay_up": 1, "belay_leader_known": 0, "belay_leading": 0})
	})
}

var numberLine = regexp.MustCompile(`^([a-z_]+(?:\{.*\})?) (\S+)$`)

// readNumbers asks a member by its API.
func readNumbers(t *testing.T, w *world, b *box) map[string]float64 {
	t.Helper()
	text, err := w.client("z", b).Metrics(context.Background()) // a bubble closes no channel of the world around it
	if err != nil {
		t.Fatal(err)
	}
	return parseNumbers(t, text)
}

func parseNumbers(t *testing.T, text string) map[string]float64 {
	t.Helper()
	numbers := map[string]float64{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		m := numberLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Fatalf("line %q", line)
		}
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		numbers[m[1]] = value
	}
	return numbers
}

func holds(t *testing.T, numbers, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if got, told := numbers[name]; !told || got != value {
			t.Errorf("%s is %v (told: %v), want %v", name, got, told, value)
		}
	}
}
