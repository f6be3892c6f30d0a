// Franz-go, as a program that speaks JSON lines.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"sync"
	"time"

	"hailstream/interop/lines"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const (
	callWithin = 40 * time.Second
	pollFor    = 200 * time.Millisecond
	bytesMax   = 50_000_000
)

type security struct{ Authority, Mechanism, User, Password string }

type client struct {
	server  *lines.Server
	options []kgo.Opt
	admin   *kadm.Client
}

func main() {
	var how security
	if err := json.Unmarshal([]byte(os.Args[2]), &how); err != nil {
		panic(err)
	}
	options := append(secured(how),
		kgo.SeedBrokers(os.Args[1]),
		kgo.MetadataMaxAge(time.Second),
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.RetryTimeout(callWithin),
	)
	common, err := kgo.NewClient(options...)
	if err != nil {
		panic(err)
	}
	served := &lines.Server{NameOf: nameOf}
	served.Serve(&client{server: served, options: options, admin: kadm.NewClient(common)})
}

func secured(how security) []kgo.Opt {
	var options []kgo.Opt
	if how.Authority != "" {
		pem, err := os.ReadFile(how.Authority)
		if err != nil {
			panic(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: roots}))
	}
	password := scram.Auth{User: how.User, Pass: how.Password}
	switch how.Mechanism {
	case "PLAIN":
		options = append(options, kgo.SASL(plain.Auth{User: how.User, Pass: how.Password}.AsMechanism()))
	case "SCRAM-SHA-256":
		options = append(options, kgo.SASL(password.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		options = append(options, kgo.SASL(password.AsSha512Mechanism()))
	}
	return options
}

func (c *client) made(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(append([]kgo.Opt{}, c.options...), more...)...)
}

func (c *client) Call(name string, with lines.With) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callWithin)
	defer cancel()
	switch name {
	case "produce":
		return nil, c.produce(ctx, with)
	case "reader":
		return c.reader(with)
	case "member":
		return c.member(with)
	case "producer":
		made, err := c.made(producing()...)
		return &sender{client: c, made: made}, err
	case "transactor":
		made, err := c.made(append(producing(), kgo.TransactionalID(with.TransactionalID))...)
		if err == nil {
			_, _, err = made.ProducerID(ctx) // asks for it now: that fences those before
		}
		return &sender{client: c, made: made}, err
	}
	return c.administrate(ctx, name, with)
}

func producing() []kgo.Opt {
	return []kgo.Opt{
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(bytesMax),
		kgo.AllowAutoTopicCreation(),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}
}

func (c *client) produce(ctx context.Context, with lines.With) error {
	codecs := map[string]kgo.CompressionCodec{
		"none":   kgo.NoCompression(),
		"gzip":   kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(),
		"lz4":    kgo.Lz4Compression(),
		"zstd":   kgo.ZstdCompression(),
	}
	acks := map[int]kgo.Acks{0: kgo.NoAck(), 1: kgo.LeaderAck(), -1: kgo.AllISRAcks()}
	options := append(producing(), kgo.ProducerBatchCompression(codecs[with.Codec]))
	options = append(options, kgo.RequiredAcks(acks[with.Acks]))
	if !with.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if with.Partition != nil {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	made, err := c.made(options...)
	if err != nil {
		return err
	}
	defer made.Close()
	return send(ctx, made, with)
}

func send(ctx context.Context, made *kgo.Client, with lines.With) error {
	var records []*kgo.Record
	for _, one := range with.Records {
		record := &kgo.Record{
			Topic:     with.Topic,
			Key:       one.Key,
			Value:     one.Value,
			Timestamp: time.UnixMilli(one.Time),
		}
		for _, header := range one.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
		if with.Partition != nil {
			record.Partition = *with.Partition
		}
		records = append(records, record)
	}
	return made.ProduceSync(ctx, records...).FirstErr()
}

func consuming(committedOnly bool) []kgo.Opt {
	level := kgo.ReadUncommitted()
	if committedOnly {
		level = kgo.ReadCommitted()
	}
	return []kgo.Opt{
		kgo.FetchIsolationLevel(level),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(pollFor),
	}
}

func (c *client) reader(with lines.With) (any, error) {
	places := map[int32]kgo.Offset{}
	for _, pair := range with.Offsets {
		places[int32(pair[0])] = kgo.NewOffset().At(pair[1])
	}
	topics := map[string]map[int32]kgo.Offset{with.Topic: places}
	made, err := c.made(append(consuming(with.CommittedOnly), kgo.ConsumePartitions(topics))...)
	return &consumer{made: made, topic: with.Topic}, err
}

func (c *client) member(with lines.With) (any, error) {
	member := &consumer{topic: with.Topic, assigned: map[int32]bool{}}
	var balancer kgo.GroupBalancer = kgo.RangeBalancer()
	if with.Assignor == "cooperative-sticky" {
		balancer = kgo.CooperativeStickyBalancer()
	}
	options := append(consuming(with.CommittedOnly),
		kgo.ConsumerGroup(with.Group),
		kgo.ConsumeTopics(with.Topic),
		kgo.Balancers(balancer),
		kgo.SessionTimeout(time.Duration(with.SessionMs)*time.Millisecond),
		kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(member.holds(true)),
		kgo.OnPartitionsRevoked(member.holds(false)),
		kgo.OnPartitionsLost(member.holds(false)),
	)
	if with.InstanceID != nil {
		options = append(options, kgo.InstanceID(*with.InstanceID))
	}
	made, err := c.made(options...)
	member.made = made
	return member, err
}

// A consumer is a reader, or a member of a group.
type consumer struct {
	made     *kgo.Client
	topic    string
	lock     sync.Mutex
	assigned map[int32]bool
}

func (c *consumer) holds(does bool) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
		c.lock.Lock()
		defer c.lock.Unlock()
		for _, number := range topics[c.topic] {
			c.assigned[number] = does
		}
	}
}

func (c *consumer) Call(name string, with lines.With) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callWithin)
	defer cancel()
	switch name {
	case "poll":
		return c.poll(), nil
	case "seek":
		place := map[int32]kgo.EpochOffset{*with.Partition: {Epoch: -1, Offset: with.Offset}}
		c.made.SetOffsets(map[string]map[int32]kgo.EpochOffset{c.topic: place})
		return nil, nil
	case "assigned":
		c.lock.Lock()
		defer c.lock.Unlock()
		held := []int32{}
		for number, does := range c.assigned {
			if does {
				held = append(held, number)
			}
		}
		return held, nil
	case "commit":
		return nil, c.made.CommitUncommittedOffsets(ctx)
	case "commit_at":
		return nil, c.commitAt(ctx, with)
	case "close":
		c.made.Close()
		return nil, nil
	}
	return nil, lines.Unknown(name)
}

func (c *consumer) poll() []lines.Read {
	ctx, cancel := context.WithTimeout(context.Background(), pollFor)
	defer cancel()
	records := []lines.Read{}
	c.made.PollFetches(ctx).EachRecord(func(r *kgo.Record) { records = append(records, told(r)) })
	return records
}

func (c *consumer) commitAt(ctx context.Context, with lines.With) error {
	ctx = kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
		request.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(with.Metadata)
		return nil
	})
	var refused error
	place := map[int32]kgo.EpochOffset{*with.Partition: {Epoch: -1, Offset: with.Offset}}
	offsets := map[string]map[int32]kgo.EpochOffset{c.topic: place}
	c.made.CommitOffsetsSync(ctx, offsets, func(
		_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error,
	) {
		if refused = err; err == nil {
			refused = errorOf(answer.Topics[0].Partitions[0].ErrorCode)
		}
	})
	return refused
}

func (c *consumer) group() string {
	return c.made.OptValue(kgo.ConsumerGroup).(string)
}

func told(r *kgo.Record) lines.Read {
	headers := []lines.Header{}
	for _, one := range r.Headers {
		headers = append(headers, lines.Header{Name: one.Key, Value: one.Value})
	}
	content := lines.Record{
		Key: r.Key, Value: r.Value, Time: r.Timestamp.UnixMilli(), Headers: headers,
	}
	return lines.Read{Partition: r.Partition, Offset: r.Offset, Record: content}
}

// A sender is a producer that lives on, with or without transactions.
type sender struct {
	client *client
	made   *kgo.Client
}

func (s *sender) Call(name string, with lines.With) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callWithin)
	defer cancel()
	switch name {
	case "begin":
		return nil, s.made.BeginTransaction()
	case "send":
		return nil, send(ctx, s.made, with)
	case "send_offsets":
		return nil, s.sendOffsets(ctx, with)
	case "commit":
		return nil, s.made.EndTransaction(ctx, kgo.TryCommit)
	case "abort":
		return nil, s.made.EndTransaction(ctx, kgo.TryAbort)
	case "close":
		s.made.Close()
		return nil, nil
	}
	return nil, lines.Unknown(name)
}

// sendOffsets asks by itself: franz-go commits offsets only of a session that both reads and writes.
func (s *sender) sendOffsets(ctx context.Context, with lines.With) error {
	member := s.client.server.Given[with.Member].(*consumer)
	memberID, generation := member.made.GroupMetadata()
	id, epoch, err := s.made.ProducerID(ctx)
	if err != nil {
		return err
	}
	transactionalID := s.made.OptValue(kgo.TransactionalID).(string)
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch = transactionalID, id, epoch
	add.Group = member.group()
	added, err := add.RequestWith(ctx, s.made)
	if err != nil {
		return err
	}
	if err := errorOf(added.ErrorCode); err != nil {
		return err
	}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch = transactionalID, id, epoch
	commit.Group, commit.MemberID, commit.Generation = member.group(), memberID, generation
	known, err := s.client.admin.ListTopics(ctx, with.Topic)
	if err != nil {
		return err
	}
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = with.Topic, known[with.Topic].ID
	for _, pair := range with.Offsets {
		partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset = int32(pair[0]), pair[1]
		topic.Partitions = append(topic.Partitions, partition)
	}
	commit.Topics = append(commit.Topics, topic)
	committed, err := commit.RequestWith(ctx, s.made)
	if err != nil {
		return err
	}
	return errorOf(committed.Topics[0].Partitions[0].ErrorCode)
}
