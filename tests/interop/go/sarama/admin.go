package main

import (
	"encoding/json"

	"github.com/IBM/sarama"

	"hailstream/interop/lines"
)

func (c *client) administrate(name string, with lines.With) (any, error) {
	switch name {
	case "create_topic":
		return nil, c.createTopic(with)
	case "delete_topic":
		return nil, c.admin.DeleteTopic(with.Topic)
	case "partition_count":
		topics, err := c.admin.ListTopics()
		return topics[with.Topic].NumPartitions, err
	case "add_partitions":
		return nil, c.admin.CreatePartitions(with.Topic, int32(with.Total), nil, false)
	case "cluster":
		return c.cluster()
	case "configs":
		return c.configs(with.Topic)
	case "alter_configs":
		changes := map[string]sarama.IncrementalAlterConfigsEntry{}
		for name, value := range with.Changes {
			changes[name] = sarama.IncrementalAlterConfigsEntry{
				Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value,
			}
		}
		return nil, c.admin.IncrementalAlterConfig(sarama.TopicResource, with.Topic, changes, false)
	case "delete_records":
		return nil, c.admin.DeleteRecords(with.Topic, map[int32]int64{*with.Partition: with.Before})
	case "log_bytes":
		return c.logBytes(with.Topic)
	case "offsets_at":
		return c.offsetsAt(with)
	}
	return c.administrateGroups(name, with)
}

func (c *client) administrateGroups(name string, with lines.With) (any, error) {
	switch name {
	case "groups":
		listed, err := c.admin.ListConsumerGroups()
		names := []string{}
		for name := range listed {
			names = append(names, name)
		}
		return names, err
	case "group":
		described, err := c.admin.DescribeConsumerGroups([]string{with.Group})
		if err != nil {
			return nil, err
		}
		told := described[0]
		return map[string]any{"state": told.State, "members": len(told.Members)}, nil
	case "delete_group":
		return nil, c.admin.DeleteConsumerGroup(with.Group)
	case "committed":
		return c.committed(with)
	case "alter_offsets":
		offsets := map[int32]sarama.OffsetAndMetadata{}
		for _, pair := range with.Offsets {
			offsets[int32(pair[0])] = sarama.OffsetAndMetadata{Offset: pair[1], LeaderEpoch: -1}
		}
		topics := map[string]map[int32]sarama.OffsetAndMetadata{with.Topic: offsets}
		_, err := c.admin.AlterConsumerGroupOffsets(with.Group, topics, nil)
		return nil, err
	case "delete_offsets":
		var numbers []int32
		if err := json.Unmarshal(with.Partitions, &numbers); err != nil {
			return nil, err
		}
		for _, number := range numbers {
			if err := c.admin.DeleteConsumerGroupOffset(with.Group, with.Topic, number); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	return nil, lines.Unknown(name)
}

func (c *client) createTopic(with lines.With) error {
	var count int32
	if err := json.Unmarshal(with.Partitions, &count); err != nil {
		return err
	}
	configs := map[string]*string{}
	for name, value := range with.Configs {
		configs[name] = &value
	}
	detail := &sarama.TopicDetail{NumPartitions: count, ReplicationFactor: 1, ConfigEntries: configs}
	return c.admin.CreateTopic(with.Topic, detail, false)
}

func (c *client) cluster() (any, error) {
	brokers, controller, err := c.admin.DescribeCluster()
	addresses := []string{}
	for _, broker := range brokers {
		addresses = append(addresses, broker.Addr())
	}
	return map[string]any{"cluster_id": "", "controller": controller, "brokers": addresses}, err
}

func (c *client) configs(topic string) (any, error) {
	resource := sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}
	entries, err := c.admin.DescribeConfig(resource)
	known := map[string]string{}
	for _, entry := range entries {
		known[entry.Name] = entry.Value
	}
	return known, err
}

func (c *client) logBytes(topic string) (any, error) {
	brokers, _, err := c.admin.DescribeCluster()
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, broker := range brokers {
		ids = append(ids, broker.ID())
	}
	told, err := c.admin.DescribeLogDirs(ids)
	var size int64
	for _, directories := range told {
		for _, directory := range directories {
			for _, described := range directory.Topics {
				if described.Topic != topic {
					continue
				}
				for _, partition := range described.Partitions {
					size += partition.Size
				}
			}
		}
	}
	return size, err
}

func (c *client) offsetsAt(with lines.With) (any, error) {
	var count int32
	if err := json.Unmarshal(with.Partitions, &count); err != nil {
		return nil, err
	}
	asked := map[int32]int64{}
	for number := range count {
		asked[number] = with.TimestampMs
	}
	listed, err := c.admin.ListOffsets(map[string]map[int32]int64{with.Topic: asked}, nil)
	found := [][2]any{}
	for number, at := range listed[with.Topic] {
		var offset any
		if at.Offset >= 0 {
			offset = at.Offset
		}
		found = append(found, [2]any{number, offset})
	}
	return found, err
}

func (c *client) committed(with lines.With) (any, error) {
	told, err := c.admin.ListConsumerGroupOffsets(with.Group, nil)
	if err != nil {
		return nil, err
	}
	found := [][2]any{}
	for number, block := range told.Blocks[with.Topic] {
		view := map[string]any{"offset": block.Offset, "metadata": block.Metadata}
		found = append(found, [2]any{number, view})
	}
	return found, nil
}
