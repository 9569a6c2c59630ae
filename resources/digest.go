package resources

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Digest names what a running instance was started with: the agent and its
// parameters. When it differs from the definition's the instance is restarted
// or reloaded.
func Digest(r *Resource) string {
	data, err := json.Marshal(struct {
		Agent  string
		Params Params
	}{r.Agent, r.Params})
	if err != nil {
		panic("resources: parameters are strings: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
