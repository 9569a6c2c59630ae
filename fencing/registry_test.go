package fencing_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ha/belay/fencing"
)

func exampleSpec() fencing.Spec {
	return fencing.Spec{
		Name: "example",
		Params: []fencing.ParamSpec{
			{Name: "address", Type: fencing.TypeString, Required: true},
			{Name: "port", Type: fencing.TypeInt, Default: "623", Min: 1, Max: 65535},
			{Name: "password", Type: fencing.TypeSecret, Required: true, Max: 20},
			{Name: "timeout", Type: fencing.TypeDuration, Default: "10s"},
			{Name: "verify", Type: fencing.TypeBool, Default: "true"},
			{Name: "auth", Type: fencing.TypeEnum, Enum: []string{"basic", "session"}},
		},
		Check: func(p fencing.Params) []fencing.Problem {
			if p["port"] == "1" && p["timeout"] == "10s" {
				return []fencing.Problem{{Code: fencing.ProblemConflict, Param: "port", Message: "too low for the timeout"}}
			}
			return nil
		},
		New: func(name string, p fencing.Params) (fencing.Device, error) {
			return &made{fake: &fake{}, params: p}, nil
		},
	}
}

type made struct {
	*fake
	params fencing.Params
}

func TestValidateReportsEveryProblem(t *testing.T) {
	tests := []struct {
		name   string
		params fencing.Params
		want   []string
	}{
		{name: "good", params: fencing.Params{"address": "a", "password": "secret://bmc"}},
		{name: "nothing given", want: []string{"address: required and not given", "password: required and not given"}},
		{
			name: "everything wrong at once",
			params: fencing.Params{
				"adress": "a", "port": "70000", "password": "123456789012345678901", "timeout": "0s", "verify": "yes", "auth": "basix", "zz": "1",
			},
			want: []string{
				"address: required and not given",
				`adress: no such parameter of example; did you mean "address"?`,
				`auth: "basix" is not one of basic, session; did you mean "basic"?`,
				"password: 21 bytes long, the device takes at most 20",
				`port: "70000" is not a whole number from 1 to 65535`,
				`timeout: "0s" is not a time above zero; write it as "10s" or "1m30s"`,
				`verify: "yes" is neither true nor false`,
				"zz: no such parameter of example",
			},
		},
		{
			name:   "check sees defaults",
			params: fencing.Params{"address": "a", "password": "p", "port": "1"},
			want:   []string{"port: too low for the timeout"},
		},
		{
			name:   "a number is no secret",
			params: fencing.Params{"address": "a", "password": "p", "port": "secret://x"},
			want:   []string{"port: must be of type integer, not a secret"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, problem := range exampleSpec().Validate(tt.params) {
				got = append(got, problem.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMake(t *testing.T) {
	spec := exampleSpec()
	device, err := spec.Make("bmc-1", fencing.Params{"address": "a", "password": "p"})
	if err != nil {
		t.Fatal(err)
	}
	want := fencing.Params{"address": "a", "password": "p", "port": "623", "timeout": "10s", "verify": "true"}
	if diff := cmp.Diff(want, device.(*made).params); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	for name, params := range map[string]fencing.Params{
		"invalid":            {"address": "a"},
		"reference unopened": {"address": "a", "password": "secret://bmc"},
	} {
		if _, err := spec.Make("bmc-1", params); fencing.KindOf(err) != fencing.KindConfig {
			t.Errorf("%s: error %v", name, err)
		}
	}
	long := fencing.Params{"address": "a", "password": strings.Repeat("hunter2", 9)}
	if _, err := spec.Make("bmc-1", long); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error shows the password: %v", err)
	}
}

func TestRegistry(t *testing.T) {
	registry := fencing.NewRegistry([]fencing.Spec{exampleSpec()}, func(name string) (fencing.Spec, bool) {
		return fencing.Spec{Name: name}, strings.HasPrefix(name, "fence_")
	})
	for name, want := range map[string]bool{"example": true, "fence_xvm": true, "exampel": false} {
		if spec, found := registry.Find(name); found != want || (found && spec.Name != name) {
			t.Errorf("Find(%q) = %q, %v", name, spec.Name, found)
		}
	}
	if specs := registry.Specs(); len(specs) != 1 || specs[0].Name != "example" {
		t.Errorf("specs %v", specs)
	}
}

func TestZeroValuesProveNothing(t *testing.T) {
	var power fencing.Power
	var outcome fencing.Outcome
	if power != fencing.PowerUnknown || outcome != fencing.OutcomeUnknown {
		t.Error("a zero value is not unknown")
	}
	for _, p := range []fencing.Power{fencing.PowerUnknown, fencing.PowerOn, fencing.PowerOff} {
		text, _ := p.MarshalText()
		var back fencing.Power
		if err := back.UnmarshalText(text); err != nil || back != p {
			t.Errorf("%v came back as %v (%v)", p, back, err)
		}
	}
	if err := power.UnmarshalText([]byte("cycling")); err == nil {
		t.Error("took a power state that does not exist")
	}
	if fencing.KindOf(context.DeadlineExceeded) != fencing.KindTimeout || !fencing.KindTimeout.MayHaveActed() {
		t.Error("a timeout counts as not done")
	}
}
