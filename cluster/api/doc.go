// Package api is Belay's interface to people and between members: JSON over
// HTTP, on the local socket and on the members' mTLS listener. Any member
// answers: what needs the leader is forwarded to it.
//
// It owns the wire types, the server's routes and the client. It never changes
// the cluster itself: it hands commands to its Cluster and orders to its
// Member. The server starts no goroutine of its own beyond net/http's.
package api
