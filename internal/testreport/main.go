// Command testreport reads the events of `go test -json` from standard input
// and prints what a person wants to know: each package as it ends, the whole
// output of what failed, why tests were skipped, and last the line
//
//	N passed, N failed, N skipped
//
// A test with subtests counts as one, and so does each subtest. It ends with
// status 1 when anything failed or nothing ran.
package main

import (
	"fmt"
	"os"
)

func main() {
	report := newReport(os.Stdout)
	if err := report.read(os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "testreport: %v\n", err)
		os.Exit(1)
	}
	report.close()
	if report.failed > 0 || report.passed == 0 {
		os.Exit(1)
	}
}
