package main

// JSON lines between the suite and a client: see tests/support/clients/lines.py.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const lineMax = 100_000_000

// with holds the arguments of a call. Records' bytes are base64, which is what []byte is in JSON.
type with struct {
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
	Records         []record          `json:"records"`
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

type record struct {
	Key     []byte   `json:"key"`
	Value   []byte   `json:"value"`
	Time    int64    `json:"time"`
	Headers []header `json:"headers"`
}

type header struct {
	Name  string
	Value []byte
}

func (h *header) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&h.Name, &h.Value})
}

func (h header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.Name, h.Value})
}

type read struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	record
}

func told(r *kgo.Record) read {
	headers := []header{}
	for _, one := range r.Headers {
		headers = append(headers, header{one.Key, one.Value})
	}
	content := record{Key: r.Key, Value: r.Value, Time: r.Timestamp.UnixMilli(), Headers: headers}
	return read{Partition: r.Partition, Offset: r.Offset, record: content}
}

// A callee has calls: the client, or what the client has given out.
type callee interface {
	call(name string, with with) (any, error)
}

type server struct{ given []callee }

func (s *server) serve(client callee) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMax)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked struct {
			Call string `json:"call"`
			On   *int   `json:"on"`
			With with   `json:"with"`
		}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		on := client
		if asked.On != nil {
			on = s.given[*asked.On]
		}
		out.Encode(s.answer(on.call(asked.Call, asked.With)))
	}
}

func (s *server) answer(gave any, err error) map[string]any {
	var known *kerr.Error
	switch {
	case errors.As(err, &known):
		return map[string]any{"refused": known.Message, "why": err.Error()}
	case err != nil:
		return map[string]any{"refused": "CLIENT", "why": err.Error()}
	}
	if made, ok := gave.(callee); ok {
		s.given = append(s.given, made)
		gave = map[string]int{"handle": len(s.given) - 1}
	}
	return map[string]any{"gave": gave}
}

func unknown(name string) error { return fmt.Errorf("no call %q", name) }
