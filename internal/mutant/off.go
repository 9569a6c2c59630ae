//go:build !mutant

package mutant

// Is reports whether the product is to be broken in this way: never.
func Is(Name) bool { return false }
