package policy

import (
	"cmp"
	"strings"
)

// sortByNumber sorts instances by their numbers.
func sortByNumber(list []*resource) {
	mergeSort(list, func(a, b *resource) int {
		return cmp.Compare(instanceNumber(a.id), instanceNumber(b.id))
	})
}

// instanceNumber is the number at the end of an instance's or replica's id.
func instanceNumber(id string) int {
	at := strings.LastIndexByte(id, ':')
	if at < 0 {
		at = strings.LastIndexByte(id, '-')
	}
	n := 0
	for _, c := range []byte(id[at+1:]) {
		if c < '0' || c > '9' || n > 1<<30 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// mergeSort is a stable sort that always compares the same pairs: halves, the
// second the larger. Results for orders that are not transitive depend on that.
func mergeSort[T any](list []T, compare func(a, b T) int) {
	if len(list) > 1 {
		mergeHalves(list, make([]T, len(list)), compare)
	}
}

func mergeHalves[T any](list, spare []T, compare func(a, b T) int) {
	if len(list) < 2 {
		return
	}
	half := len(list) / 2
	mergeHalves(list[:half], spare[:half], compare)
	mergeHalves(list[half:], spare[half:], compare)
	copy(spare, list)
	first, second := spare[:half], spare[half:]
	for i := range list {
		if len(second) == 0 || len(first) > 0 && compare(first[0], second[0]) <= 0 {
			list[i], first = first[0], first[1:]
		} else {
			list[i], second = second[0], second[1:]
		}
	}
}
