// Sarama, as a program that speaks JSON lines.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"

	"hailstream/interop/lines"
)

const (
	pollFor  = 200 * time.Millisecond
	bytesMax = 50_000_000
)

type security struct{ Authority, Mechanism, User, Password string }

type client struct {
	server  *lines.Server
	address string
	how     security
	admin   sarama.ClusterAdmin
}

func main() {
	served := &lines.Server{NameOf: nameOf}
	made := &client{server: served, address: os.Args[1]}
	if err := json.Unmarshal([]byte(os.Args[2]), &made.how); err != nil {
		panic(err)
	}
	admin, err := sarama.NewClusterAdmin([]string{made.address}, made.config())
	if err != nil {
		panic(err)
	}
	made.admin = admin
	served.Serve(made)
}

func nameOf(err error) string {
	var number sarama.KError
	if !errors.As(err, &number) || number <= 0 {
		return ""
	}
	var known *kerr.Error
	errors.As(kerr.ErrorForCode(int16(number)), &known)
	return known.Message
}

func (c *client) config() *sarama.Config {
	config := sarama.NewConfig()
	config.Metadata.RefreshFrequency = time.Second
	config.Metadata.Retry.Max, config.Metadata.Retry.Backoff = 40, 250*time.Millisecond
	config.Producer.Retry.Max, config.Producer.Retry.Backoff = 40, 250*time.Millisecond
	config.Producer.MaxMessageBytes = bytesMax
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Consumer.Group.Rebalance.Retry.Backoff = pollFor
	config.Consumer.MaxWaitTime = pollFor
	config.Consumer.Return.Errors = false
	if c.how.Authority != "" {
		pem, err := os.ReadFile(c.how.Authority)
		if err != nil {
			panic(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		config.Net.TLS.Enable, config.Net.TLS.Config = true, &tls.Config{RootCAs: roots}
	}
	if c.how.Mechanism != "" {
		config.Net.SASL.Enable = true
		config.Net.SASL.Mechanism = sarama.SASLMechanism(c.how.Mechanism)
		config.Net.SASL.User, config.Net.SASL.Password = c.how.User, c.how.Password
	}
	return config
}

func (c *client) consuming(committedOnly bool) *sarama.Config {
	config := c.config()
	if committedOnly {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	return config
}

func (c *client) Call(name string, with lines.With) (any, error) {
	switch name {
	case "produce":
		return nil, c.produce(with)
	case "reader":
		return c.reader(with)
	case "member":
		return c.member(with)
	case "producer":
		return c.sender(idempotent(c.config()))
	case "transactor":
		config := idempotent(c.config())
		config.Producer.Transaction.ID = with.TransactionalID
		return c.sender(config)
	}
	return c.administrate(name, with)
}

func idempotent(config *sarama.Config) *sarama.Config {
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Net.MaxOpenRequests = 1
	return config
}

func (c *client) sender(config *sarama.Config) (any, error) {
	made, err := sarama.NewSyncProducer([]string{c.address}, config)
	return &sender{client: c, made: made}, err
}

func (c *client) produce(with lines.With) error {
	codecs := map[string]sarama.CompressionCodec{
		"none":   sarama.CompressionNone,
		"gzip":   sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy,
		"lz4":    sarama.CompressionLZ4,
		"zstd":   sarama.CompressionZSTD,
	}
	config := c.config()
	config.Producer.RequiredAcks = sarama.RequiredAcks(with.Acks)
	config.Producer.Compression = codecs[with.Codec]
	if with.Idempotent {
		idempotent(config)
	}
	if with.Partition != nil {
		config.Producer.Partitioner = sarama.NewManualPartitioner
	}
	made, err := sarama.NewSyncProducer([]string{c.address}, config)
	if err != nil {
		return err
	}
	defer made.Close()
	return send(made, with)
}

func send(made sarama.SyncProducer, with lines.With) error {
	var messages []*sarama.ProducerMessage
	for _, one := range with.Records {
		message := &sarama.ProducerMessage{Topic: with.Topic, Timestamp: time.UnixMilli(one.Time)}
		if one.Key != nil {
			message.Key = sarama.ByteEncoder(one.Key)
		}
		if one.Value != nil {
			message.Value = sarama.ByteEncoder(one.Value)
		}
		for _, header := range one.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{
				Key: []byte(header.Name), Value: header.Value,
			})
		}
		if with.Partition != nil {
			message.Partition = *with.Partition
		}
		messages = append(messages, message)
	}
	err := made.SendMessages(messages)
	var all sarama.ProducerErrors
	if errors.As(err, &all) {
		return all[0].Err
	}
	return err
}

// A sender is a producer that lives on, with or without transactions.
type sender struct {
	client *client
	made   sarama.SyncProducer
}

func (s *sender) Call(name string, with lines.With) (any, error) {
	switch name {
	case "begin":
		return nil, s.made.BeginTxn()
	case "send":
		return nil, send(s.made, with)
	case "send_offsets":
		member := s.client.server.Given[with.Member].(*member)
		var offsets []*sarama.PartitionOffsetMetadata
		for _, pair := range with.Offsets {
			offsets = append(offsets, &sarama.PartitionOffsetMetadata{
				Partition: int32(pair[0]), Offset: pair[1],
			})
		}
		topics := map[string][]*sarama.PartitionOffsetMetadata{with.Topic: offsets}
		return nil, s.made.AddOffsetsToTxn(topics, member.group)
	case "commit":
		return nil, s.made.CommitTxn()
	case "abort":
		return nil, s.made.AbortTxn()
	case "close":
		return nil, s.made.Close()
	}
	return nil, lines.Unknown(name)
}

// An inbox holds what has come and was not yet polled.
type inbox struct{ messages chan *sarama.ConsumerMessage }

func (i inbox) poll(took func(*sarama.ConsumerMessage)) []lines.Read {
	read := []lines.Read{}
	deadline := time.After(pollFor)
	for {
		select {
		case message := <-i.messages:
			took(message)
			read = append(read, told(message))
			deadline = time.After(0)
		case <-deadline:
			if len(i.messages) == 0 {
				return read
			}
			deadline = time.After(0)
		}
	}
}

func told(message *sarama.ConsumerMessage) lines.Read {
	headers := []lines.Header{}
	for _, one := range message.Headers {
		headers = append(headers, lines.Header{Name: string(one.Key), Value: one.Value})
	}
	content := lines.Record{
		Key: message.Key, Value: message.Value, Time: message.Timestamp.UnixMilli(), Headers: headers,
	}
	return lines.Read{Partition: message.Partition, Offset: message.Offset, Record: content}
}

func (c *client) reader(with lines.With) (any, error) {
	made, err := sarama.NewConsumer([]string{c.address}, c.consuming(with.CommittedOnly))
	if err != nil {
		return nil, err
	}
	reader := &reader{made: made, topic: with.Topic, open: map[int32]sarama.PartitionConsumer{}}
	for _, pair := range with.Offsets {
		if err := reader.seek(int32(pair[0]), pair[1]); err != nil {
			return nil, err
		}
	}
	return reader, nil
}

// A reader reads partitions from where it is told.
type reader struct {
	made  sarama.Consumer
	topic string
	open  map[int32]sarama.PartitionConsumer
}

// seek opens the partition anew: sarama has no other way.
func (r *reader) seek(partition int32, offset int64) error {
	if before, ok := r.open[partition]; ok {
		if err := before.Close(); err != nil {
			return err
		}
	}
	opened, err := r.made.ConsumePartition(r.topic, partition, offset)
	r.open[partition] = opened
	return err
}

func (r *reader) Call(name string, with lines.With) (any, error) {
	switch name {
	case "poll":
		read := []lines.Read{}
		for _, opened := range r.open {
			read = append(read, r.pollOne(opened)...)
		}
		return read, nil
	case "seek":
		return nil, r.seek(*with.Partition, with.Offset)
	case "close":
		for _, opened := range r.open {
			opened.Close()
		}
		return nil, r.made.Close()
	}
	return nil, lines.Unknown(name)
}

func (r *reader) pollOne(opened sarama.PartitionConsumer) []lines.Read {
	read := []lines.Read{}
	deadline := time.After(pollFor)
	for {
		select {
		case message := <-opened.Messages():
			read = append(read, told(message))
			deadline = time.After(pollFor / 10)
		case <-deadline:
			return read
		}
	}
}

func (c *client) member(with lines.With) (any, error) {
	config := c.consuming(with.CommittedOnly)
	config.Consumer.Group.Session.Timeout = time.Duration(with.SessionMs) * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	strategy := sarama.NewBalanceStrategyRange()
	if with.Assignor == "cooperative-sticky" {
		strategy = sarama.NewBalanceStrategyCooperativeSticky()
	}
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	if with.InstanceID != nil {
		config.Consumer.Group.InstanceId = *with.InstanceID
	}
	made, err := sarama.NewConsumerGroup([]string{c.address}, with.Group, config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	joined := &member{
		made: made, group: with.Group, topic: with.Topic, stop: stop,
		come: inbox{make(chan *sarama.ConsumerMessage, 100_000)},
		next: map[int32]*sarama.ConsumerMessage{},
	}
	go func() {
		for ctx.Err() == nil {
			made.Consume(ctx, []string{with.Topic}, joined)
		}
	}()
	return joined, nil
}

// A member of a group; sarama calls it when partitions come and go.
type member struct {
	made         sarama.ConsumerGroup
	group, topic string
	stop         context.CancelFunc
	come         inbox
	next         map[int32]*sarama.ConsumerMessage
	lock         sync.Mutex
	session      sarama.ConsumerGroupSession
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.session = session
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.session = nil
	return nil
}

func (m *member) ConsumeClaim(
	session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim,
) error {
	for {
		select {
		case message, isOpen := <-claim.Messages():
			if !isOpen {
				return nil
			}
			m.come.messages <- message
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) Call(name string, with lines.With) (any, error) {
	m.lock.Lock()
	session := m.session
	m.lock.Unlock()
	switch name {
	case "poll":
		took := func(message *sarama.ConsumerMessage) { m.next[message.Partition] = message }
		return m.come.poll(took), nil
	case "assigned":
		if session == nil {
			return []int32{}, nil
		}
		return append([]int32{}, session.Claims()[m.topic]...), nil
	case "commit":
		for _, message := range m.next {
			session.MarkMessage(message, "")
		}
		session.Commit()
		return nil, nil
	case "commit_at":
		session.MarkOffset(m.topic, *with.Partition, with.Offset, with.Metadata)
		session.Commit()
		return nil, nil
	case "close":
		m.stop()
		return nil, m.made.Close()
	}
	return nil, lines.Unknown(name)
}
