// Package security owns what members trust each other by: the cluster's
// certificate authority, the certificates of nodes and of people, join tokens,
// the gossip key, the data keys that seal secrets, and the one TLS listener that
// Raft, the API and joining share.
//
// It never decides who is a member or whether a token was used before: the
// replicated state does, and hands in what it knows. It never logs or formats
// key material.
//
// The only goroutines are those of Mux.Run, which waits for them.
package security
