// Package lines carries JSON lines between the suite and a client: see
// tests/support/clients/lines.py.
package lines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

const lineMax = 100_000_000

// With holds the arguments of a call. Records' bytes are base64, which is what []byte is in JSON.
type With struct {
	Topic           string            `json:"topic"`
	Group           string            `json:"group"`
	Partitions      json.RawMessage   `json:"partitions"`
	Partition       *int32            `json:"partition"`
	Configs         map[string]string `json:"configs"`
	Changes         map[string]string `json:"changes"`
	Total           int               `json:"total"`
	Before          int64             `json:"before"`
	Offset          int64             `json:"offset"`
	Offsets         [][2]int64        `json:"offsets"`
	Metadata        string            `json:"metadata"`
	TimestampMs     int64             `json:"timestamp_ms"`
	Records         []Record          `json:"records"`
	Codec           string            `json:"codec"`
	Acks            int               `json:"acks"`
	Idempotent      bool              `json:"idempotent"`
	CommittedOnly   bool              `json:"committed_only"`
	SessionMs       int               `json:"session_timeout_ms"`
	Assignor        string            `json:"assignor"`
	InstanceID      *string           `json:"instance_id"`
	Member          int               `json:"member"`
	TransactionalID string            `json:"transactional_id"`
}

type Record struct {
	Key     []byte   `json:"key"`
	Value   []byte   `json:"value"`
	Time    int64    `json:"time"`
	Headers []Header `json:"headers"`
}

type Header struct {
	Name  string
	Value []byte
}

func (h *Header) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&h.Name, &h.Value})
}

func (h Header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

type Read struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	Record
}

// A Callee has calls: the client, or what the client has given out.
type Callee interface {
	Call(name string, with With) (any, error)
}

// A Server answers calls on a client, and on what the client has given out.
type Server struct {
	Given []Callee
	// NameOf finds Kafka's name of an error; empty where the broker gave none.
	NameOf func(error) string
}

// Serve answers until the input ends.
func (s *Server) Serve(client Callee) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMax)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked struct {
			Call string `json:"call"`
			On   *int   `json:"on"`
			With With   `json:"with"`
		}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		on := client
		if asked.On != nil {
			on = s.Given[*asked.On]
		}
		out.Encode(s.answer(on.Call(asked.Call, asked.With)))
	}
}

func (s *Server) answer(gave any, err error) map[string]any {
	if err != nil {
		name := s.NameOf(err)
		if name == "" {
			name = "CLIENT"
		}
		return map[string]any{"refused": name, "why": err.Error()}
	}
	if made, ok := gave.(Callee); ok {
		s.Given = append(s.Given, made)
		gave = map[string]int{"handle": len(s.Given) - 1}
	}
	return map[string]any{"gave": gave}
}

// Unknown says that there is no such call.
func Unknown(name string) error { return fmt.Errorf("no call %q", name) }
