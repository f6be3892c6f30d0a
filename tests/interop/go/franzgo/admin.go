package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hailstream/interop/lines"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

func nameOf(err error) string {
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return ""
}

func errorOf(code int16) error { return kerr.ErrorForCode(code) }

func (c *client) administrate(ctx context.Context, name string, with lines.With) (any, error) {
	switch name {
	case "create_topic":
		return nil, c.createTopic(ctx, with)
	case "delete_topic":
		_, err := c.admin.DeleteTopic(ctx, with.Topic)
		return nil, err
	case "partition_count":
		topics, err := c.admin.ListTopics(ctx)
		return len(topics[with.Topic].Partitions), err
	case "add_partitions":
		answers, err := c.admin.UpdatePartitions(ctx, with.Total, with.Topic)
		return nil, first(err, answers[with.Topic].Err)
	case "cluster":
		return c.cluster(ctx)
	case "configs":
		return c.configs(ctx, with.Topic)
	case "alter_configs":
		var changes []kadm.AlterConfig
		for name, value := range with.Changes {
			changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
		}
		answers, err := c.admin.AlterTopicConfigs(ctx, changes, with.Topic)
		if err != nil {
			return nil, err
		}
		return nil, answers[0].Err
	case "delete_records":
		offsets := kadm.Offsets{}
		offsets.AddOffset(with.Topic, *with.Partition, with.Before, -1)
		answers, err := c.admin.DeleteRecords(ctx, offsets)
		return nil, first(err, answers.Error())
	case "log_bytes":
		return c.logBytes(ctx, with.Topic)
	case "offsets_at":
		return c.offsetsAt(ctx, with)
	case "transactions":
		listed, err := c.admin.ListTransactions(ctx, nil, nil)
		return append([]string{}, listed.TransactionalIDs()...), err
	case "transaction_state":
		told, err := c.admin.DescribeTransactions(ctx, with.TransactionalID)
		return told[with.TransactionalID].State, first(err, told[with.TransactionalID].Err)
	case "producers":
		of := kadm.TopicsSet{}
		of.Add(with.Topic, *with.Partition)
		told, err := c.admin.DescribeProducers(ctx, of)
		partition := told[with.Topic].Partitions[*with.Partition]
		return len(partition.ActiveProducers), first(err, partition.Err)
	}
	return c.administrateGroups(ctx, name, with)
}

func (c *client) administrateGroups(ctx context.Context, name string, with lines.With) (any, error) {
	switch name {
	case "groups":
		listed, err := c.admin.ListGroups(ctx)
		return append([]string{}, listed.Groups()...), err
	case "group":
		told, err := c.admin.DescribeGroups(ctx, with.Group)
		group := told[with.Group]
		view := map[string]any{"state": group.State, "members": len(group.Members)}
		return view, first(err, group.Err)
	case "delete_group":
		answer, err := c.admin.DeleteGroup(ctx, with.Group)
		return nil, first(err, answer.Err)
	case "committed":
		return c.committed(ctx, with)
	case "alter_offsets":
		offsets := kadm.Offsets{}
		for _, pair := range with.Offsets {
			offsets.AddOffset(with.Topic, int32(pair[0]), pair[1], -1)
		}
		answers, err := c.admin.CommitOffsets(ctx, with.Group, offsets)
		return nil, first(err, answers.Error())
	case "delete_offsets":
		var numbers []int32
		if err := json.Unmarshal(with.Partitions, &numbers); err != nil {
			return nil, err
		}
		of := kadm.TopicsSet{}
		of.Add(with.Topic, numbers...)
		answers, err := c.admin.DeleteOffsets(ctx, with.Group, of)
		return nil, first(err, answers.Error())
	}
	return nil, lines.Unknown(name)
}

func (c *client) createTopic(ctx context.Context, with lines.With) error {
	configs := map[string]*string{}
	for name, value := range with.Configs {
		configs[name] = &value
	}
	var count int32
	if err := json.Unmarshal(with.Partitions, &count); err != nil {
		return err
	}
	_, err := c.admin.CreateTopic(ctx, count, 1, configs, with.Topic)
	return err
}

func (c *client) cluster(ctx context.Context) (any, error) {
	told, err := c.admin.BrokerMetadata(ctx)
	brokers := []string{}
	for _, broker := range told.Brokers {
		brokers = append(brokers, fmt.Sprintf("%s:%d", broker.Host, broker.Port))
	}
	return map[string]any{"cluster_id": told.Cluster, "controller": told.Controller, "brokers": brokers}, err
}

func (c *client) configs(ctx context.Context, topic string) (any, error) {
	told, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for _, config := range told[0].Configs {
		if config.Value != nil {
			known[config.Key] = *config.Value
		}
	}
	return known, told[0].Err
}

func (c *client) logBytes(ctx context.Context, topic string) (any, error) {
	told, err := c.admin.DescribeAllLogDirs(ctx, nil)
	var size int64
	told.Each(func(directory kadm.DescribedLogDir) {
		directory.Topics.Each(func(partition kadm.DescribedLogDirPartition) {
			if partition.Topic == topic {
				size += partition.Size
			}
		})
	})
	return size, err
}

func (c *client) offsetsAt(ctx context.Context, with lines.With) (any, error) {
	listed, err := c.admin.ListOffsetsAfterMilli(ctx, with.TimestampMs, with.Topic)
	found := [][2]any{}
	for number, at := range listed[with.Topic] {
		// It answers with the end of the log where there is no such record.
		var offset any
		if at.Timestamp >= 0 {
			offset = at.Offset
		}
		found = append(found, [2]any{number, offset})
	}
	return found, first(err, listed.Error())
}

func (c *client) committed(ctx context.Context, with lines.With) (any, error) {
	fetched, err := c.admin.FetchOffsets(ctx, with.Group)
	found := [][2]any{}
	for number, at := range fetched[with.Topic] {
		view := map[string]any{"offset": at.At, "metadata": at.Metadata}
		found = append(found, [2]any{number, view})
	}
	return found, err
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
