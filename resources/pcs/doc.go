// Package pcs turns scripts of pcs commands into a definition. It reads a script
// as a shell would, carries its pcs commands out on an empty definition with the
// verbs of resources/edit, and says of everything that a definition cannot hold
// where it stands. It runs nothing, replaces no variables, reads no files, starts
// no goroutine and logs nothing.
package pcs
