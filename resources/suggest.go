package resources

import (
	"slices"
	"strings"
)

// Nearest returns the known name that somebody who wrote name most likely
// meant: one that differs by a few letters, or by a prefix or suffix such as
// "openstack-" or "-clone". It reports false when nothing is near.
func Nearest(name string, known []string) (string, bool) {
	const maxLength = 128 // longer names are no typing errors of each other
	if name == "" || len(name) > maxLength {
		return "", false
	}
	wanted := strings.ToLower(name)
	best, bestDistance := "", min(max(1, (len(name)+1)/3)+1, len(name))
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		if candidate == "" || len(candidate) > maxLength {
			continue
		}
		d := min(editDistance(wanted, strings.ToLower(candidate)), editDistance(core(wanted), strings.ToLower(candidate)))
		if d < bestDistance || d == bestDistance && best != "" && best[0] != name[0] && candidate[0] == name[0] {
			best, bestDistance = candidate, d
		}
	}
	// More than a slip of the fingers: a whole word too many or too few is likelier.
	const slip = 2
	if best == "" || bestDistance > slip {
		if whole, found := affixed(wanted, known); found {
			return whole, true
		}
	}
	return best, best != ""
}

// core is a name without the suffixes of Pacemaker's wrappers.
func core(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "-clone"), "-master")
}

// affixed finds the known name that differs from name by whole words only.
func affixed(name string, known []string) (string, bool) {
	core, best := core(name), ""
	for _, candidate := range slices.Sorted(slices.Values(known)) {
		lower := strings.ToLower(candidate)
		if lower == "" || !(lower == core || wordEdge(lower, core) || wordEdge(core, lower)) {
			continue
		}
		if best == "" || len(candidate) > len(best) {
			best = candidate
		}
	}
	return best, best != ""
}

// wordEdge reports whether short is the first or last dash-separated part of long.
func wordEdge(long, short string) bool {
	const minLength = 4
	return len(short) >= minLength && (strings.HasSuffix(long, "-"+short) || strings.HasPrefix(long, short+"-"))
}

// didYouMean returns Nearest's answer as a suggestion, or "".
func didYouMean(name string, known []string) string {
	if best, ok := Nearest(name, known); ok {
		return `did you mean "` + best + `"?`
	}
	return ""
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment), over bytes.
func editDistance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
