//go:build mutant

package mutant

var chosen Name

// Choose breaks the product in one way, "" in none. Nothing may run meanwhile.
func Choose(n Name) { chosen = n }

// Is reports whether the product is to be broken in this way.
func Is(n Name) bool { return chosen == n }
