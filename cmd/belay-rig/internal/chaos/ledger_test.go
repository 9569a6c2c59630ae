package chaos

import (
	"reflect"
	"testing"
)

func TestLedger(t *testing.T) {
	cases := []struct {
		name string
		read []int64
		want Account
	}{
		{"all there", []int64{1, 2, 4}, Account{Due: 3}},
		{"one lost", []int64{1, 4}, Account{Due: 3, Lost: []int64{2}}},
		{"everything lost", nil, Account{Due: 3, Lost: []int64{1, 2, 4}}},
		{"one there without an answer", []int64{1, 2, 3, 4}, Account{Due: 3, Unasked: 1}},
		{"one read twice does not stand for another", []int64{1, 1, 4}, Account{Due: 3, Lost: []int64{2}, Twice: 1}},
		{"one that nobody wrote", []int64{1, 2, 4, 9}, Account{Due: 3, Strange: []int64{9}}},
		{"number 0 is none", []int64{0, 1, 2, 4}, Account{Due: 3, Strange: []int64{0}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ledger := NewLedger()
			for range 5 {
				switch n := ledger.Next(); n {
				case 3:
					ledger.Failed()
				case 5: // under way
				default:
					ledger.Acknowledged(n)
				}
			}
			got := ledger.Check(ledger.Due(), c.read)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if good := len(c.want.Lost)+len(c.want.Strange) == 0; got.Good() != good {
				t.Errorf("good: got %v", got.Good())
			}
			if acknowledged, failed := ledger.Count(); acknowledged != 3 || failed != 1 {
				t.Errorf("counted %d and %d", acknowledged, failed)
			}
		})
	}
}

// What is acknowledged after the reading began need not be in what was read.
func TestLedgerWhileWriting(t *testing.T) {
	ledger := NewLedger()
	ledger.Acknowledged(ledger.Next())
	due := ledger.Due()
	ledger.Acknowledged(ledger.Next())
	if account := ledger.Check(due, []int64{1}); !account.Good() || account.Due != 1 {
		t.Errorf("got %+v", account)
	}
	if account := ledger.Check(ledger.Due(), []int64{1}); account.Good() {
		t.Error("the second write is lost, and not noticed")
	}
}
