package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/belay-ha/belay/resources"
)

// DataKeyAnswer is what came of the replacement of the data key.
type DataKeyAnswer struct {
	// Key is the new key's id, which says nothing of the key.
	Key string `json:"key"`
	// Secrets and Tokens are how many were sealed anew.
	Secrets int `json:"secrets"`
	Tokens  int `json:"tokens"`
	// Holders have the new key on disk; Away will fetch it when they are back.
	Holders []resources.NodeName `json:"holders"`
	Away    []resources.NodeName `json:"away"`
}

// dataKeyMessage is a data key between members, whose connections prove who they are.
type dataKeyMessage struct {
	Key string `json:"key"`
}

func (s *Server) rotateKey(r *http.Request, _ []byte, who Identity) (any, error) {
	return s.cluster.RotateKey(r.Context(), who)
}

func (s *Server) dataKey(r *http.Request, _ []byte, _ Identity) (any, error) {
	key, err := s.member.DataKey(r.URL.Query().Get("id"))
	return dataKeyMessage{key}, err
}

func (s *Server) learnKey(_ *http.Request, body []byte, _ Identity) (any, error) {
	var message dataKeyMessage
	if err := decode(body, &message); err != nil {
		return nil, &Error{Code: CodeInvalid, Text: "read the data key: it is not as it should be"} // never what it is
	}
	return struct{}{}, s.member.LearnKey(message.Key)
}

// RotateKey replaces the cluster's data key.
func (c *Client) RotateKey(ctx context.Context) (DataKeyAnswer, error) {
	var answer DataKeyAnswer
	err := c.call(ctx, "POST", "/v1/data-key", struct{}{}, &answer)
	return answer, err
}

// PeerDataKey asks a member for the data key of an id; only members may.
func (c *Client) PeerDataKey(ctx context.Context, id string) (string, error) {
	var message dataKeyMessage
	err := c.call(ctx, "GET", "/v1/peer/data-key?"+url.Values{"id": {id}}.Encode(), nil, &message)
	return message.Key, err
}

// PeerLearnKey has a member keep a data key; only members may.
func (c *Client) PeerLearnKey(ctx context.Context, key string) error {
	return c.call(ctx, "POST", "/v1/peer/data-key", dataKeyMessage{key}, nil)
}
