package resources

import (
	"cmp"
	"strconv"
	"strings"
)

// CompareAttribute says whether a comparison (eq, ne, lt, lte, gt, gte) holds
// between an attribute and the wanted value, each of which may be missing:
// missing values are equal to each other and less than all others, but an order
// between them never holds. kind is string, integer, number, version, or empty:
// then eq and ne compare text, the others decimals where a side has a point,
// else whole numbers. What does not begin with a number is compared as text,
// without regard to case (Pacemaker Explained, "Rules", and the code where both
// differ).
func CompareAttribute(actual string, defined bool, wanted string, known bool, operation, kind string) bool {
	order := 0
	switch {
	case !defined && !known:
	case !known:
		order = 1
	case !defined:
		order = -1
	default:
		order = compareValues(actual, wanted, valueKind(kind, operation, actual, wanted))
	}
	switch operation {
	case "eq":
		return order == 0
	case "ne":
		return order != 0
	}
	if !defined || !known {
		return false
	}
	switch operation {
	case "lt":
		return order < 0
	case "lte":
		return order <= 0
	case "gt":
		return order > 0
	case "gte":
		return order >= 0
	default:
		return false
	}
}

// valueKind is how values are compared where the rule does not say it.
func valueKind(kind, operation, a, b string) string {
	switch {
	case kind != "":
		return kind
	case operation == "eq" || operation == "ne":
		return "string"
	case strings.Contains(a, ".") || strings.Contains(b, "."):
		return "number"
	default:
		return "integer"
	}
}

// compareValues orders two values; those that are not what they should be are
// compared as strings.
func compareValues(a, b, kind string) int {
	switch kind {
	case "integer":
		x, okX := scanInteger(a)
		y, okY := scanInteger(b)
		if okX && okY {
			return cmp.Compare(x, y)
		}
	case "number":
		x, okX := scanNumber(a)
		y, okY := scanNumber(b)
		if okX && okY {
			return cmp.Compare(x, y)
		}
	case "version":
		return compareVersions(a, b)
	}
	return compareFold(a, b)
}

// compareFold orders texts without regard to the case of ASCII letters.
func compareFold(a, b string) int {
	for i := range min(len(a), len(b)) {
		if c := cmp.Compare(lowerByte(a[i]), lowerByte(b[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func lowerByte(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// scanInteger reads the whole number that a text begins with.
func scanInteger(text string) (int64, bool) {
	text = strings.TrimLeft(text, " \t\n")
	end := digitsEnd(text, signEnd(text))
	n, err := strconv.ParseInt(text[:end], 10, 64)
	return n, err == nil
}

// scanNumber reads the number that a text begins with.
func scanNumber(text string) (float64, bool) {
	text = strings.TrimLeft(text, " \t\n")
	end := digitsEnd(text, signEnd(text))
	if end < len(text) && text[end] == '.' {
		end = digitsEnd(text, end+1)
	}
	if end < len(text) && (text[end] == 'e' || text[end] == 'E') {
		from := end + 1 + signEnd(text[end+1:])
		if to := digitsEnd(text, from); to > from {
			end = to
		}
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	return n, err == nil
}

func signEnd(text string) int {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		return 1
	}
	return 0
}

func digitsEnd(text string, from int) int {
	for from < len(text) && text[from] >= '0' && text[from] <= '9' {
		from++
	}
	return from
}

// compareVersions orders versions: the numbers in them one after the other,
// whatever stands between them. A version that goes on with numbers other than
// 0 is the later.
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = nextNumber(a)
		y, b = nextNumber(b)
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
	}
	return 0
}

// nextNumber cuts the first number off a version, without leading zeros; "" for
// 0 and for none.
func nextNumber(version string) (number, rest string) {
	start := 0
	for start < len(version) && (version[start] < '0' || version[start] > '9') {
		start++
	}
	end := digitsEnd(version, start)
	return strings.TrimLeft(version[start:end], "0"), version[end:]
}
