// Package cib reads Pacemaker's configuration and status (a CIB, as written by
// cibadmin, crm_simulate or the pe-input files of a cluster) as the input of
// the policy engine.
//
// It reads every schema from pacemaker-0.6 on: obsolete spellings are brought
// to today's (modernize.go), id-ref is resolved (tree.go), templates are merged
// into what uses them (template.go), and tags and templates in constraints
// become sets of resources (tags.go). What neither Pacemaker nor the engine
// could give a meaning is an error; every error says FILE:LINE:COL and what.
// A constraint that names an unknown resource is none: Pacemaker ignores it,
// and the engine warns of it.
//
// The configuration is held as a small tree while it is read. The status, which
// is nearly all of a large CIB, is not: it goes straight from the scanner into
// the result, so that its cost is what is kept of it. The scanner knows as much
// XML as a CIB needs. It refuses document types and entities, and bounds the
// size of the file, of a tag, and the depth of nesting. What is written like what was
// read before costs least: a tag with the attributes of the one before it
// (scanner_shape.go), a history like that of the node before (history.go).
//
// Import goes on from there to a definition of Belay's own (import.go), with what
// could not be said in one.
//
// The package opens no files and starts no goroutines.
package cib
