import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Kafka's own client and Admin, as a program that speaks JSON lines. */
public final class Client implements Lines.Callee {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final int BYTES_MAX = 50_000_000;

    private final Lines lines = new Lines();
    private final Map<String, Object> common = new HashMap<>();
    private final Admin admin;

    public static void main(String[] args) throws Exception {
        Client client = new Client(args[0], Lines.JSON.readTree(args[1]));
        client.lines.serve(client);
        Runtime.getRuntime().halt(0); // consumers that a test left open would wait for the broker
    }

    private Client(String address, JsonNode security) {
        common.put("bootstrap.servers", address);
        common.put("metadata.max.age.ms", 1000);
        common.put("reconnect.backoff.max.ms", 500);
        common.put("default.api.timeout.ms", 40_000);
        common.putAll(security(security));
        admin = Admin.create(common);
    }

    private static Map<String, Object> security(JsonNode told) {
        String authority = told.get("authority").asText();
        String mechanism = told.get("mechanism").asText();
        Map<String, Object> settings = new HashMap<>();
        if (authority.isEmpty() && mechanism.isEmpty()) {
            return settings;
        }
        String transport = authority.isEmpty() ? "PLAINTEXT" : "SSL";
        settings.put("security.protocol", mechanism.isEmpty() ? transport : "SASL_" + transport);
        if (!authority.isEmpty()) {
            settings.put("ssl.truststore.type", "PEM");
            settings.put("ssl.truststore.location", authority);
        }
        if (!mechanism.isEmpty()) {
            String module = mechanism.equals("PLAIN") ? "plain.Plain" : "scram.Scram";
            settings.put("sasl.mechanism", mechanism);
            settings.put(
                    "sasl.jaas.config",
                    String.format(
                            "org.apache.kafka.common.security.%sLoginModule required"
                                    + " username=\"%s\" password=\"%s\";",
                            module, told.get("user").asText(), told.get("password").asText()));
        }
        return settings;
    }

    private Map<String, Object> with(Object... settings) {
        Map<String, Object> all = new HashMap<>(common);
        for (int number = 0; number < settings.length; number += 2) {
            all.put((String) settings[number], settings[number + 1]);
        }
        return all;
    }

    @Override
    public Object call(String name, JsonNode with) throws Exception {
        String topic = with.path("topic").asText();
        switch (name) {
            case "produce":
                try (KafkaProducer<byte[], byte[]> producer = producer(produceSettings(with))) {
                    JsonNode partition = with.get("partition");
                    Integer number = partition.isNull() ? null : partition.asInt();
                    send(producer, Lines.records(topic, number, with.get("records")));
                }
                return null;
            case "offsets_at":
                return offsetsAt(topic, with);
            case "reader":
                return reader(topic, with);
            case "member":
                return member(topic, with);
            case "producer":
                return new Sender(producer(with("enable.idempotence", true)));
            case "transactor":
                return transactor(with.get("transactional_id").asText());
            default:
                return administrate(name, topic, with);
        }
    }

    private Object administrate(String name, String topic, JsonNode with) throws Exception {
        String group = with.path("group").asText();
        switch (name) {
            case "create_topic":
                Map<String, String> configs = new HashMap<>();
                with.get("configs")
                        .fields()
                        .forEachRemaining(one -> configs.put(one.getKey(), one.getValue().asText()));
                NewTopic made = new NewTopic(topic, with.get("partitions").asInt(), (short) 1);
                return admin.createTopics(List.of(made.configs(configs))).all().get();
            case "delete_topic":
                return admin.deleteTopics(List.of(topic)).all().get();
            case "partition_count":
                return partitionCount(topic);
            case "add_partitions":
                NewPartitions more = NewPartitions.increaseTo(with.get("total").asInt());
                return admin.createPartitions(Map.of(topic, more)).all().get();
            case "cluster":
                return cluster();
            case "configs":
                return configs(topic);
            case "alter_configs":
                return alterConfigs(topic, with.get("changes"));
            case "delete_records":
                TopicPartition place = new TopicPartition(topic, with.get("partition").asInt());
                RecordsToDelete before = RecordsToDelete.beforeOffset(with.get("before").asLong());
                return admin.deleteRecords(Map.of(place, before)).all().get();
            case "log_bytes":
                return logBytes(topic);
            case "groups":
                return admin.listGroups().all().get().stream().map(g -> g.groupId()).toList();
            case "group":
                return group(group);
            case "delete_group":
                return admin.deleteConsumerGroups(List.of(group)).all().get();
            case "committed":
                return committed(group, topic);
            case "alter_offsets":
                return admin.alterConsumerGroupOffsets(group, offsets(topic, with)).all().get();
            case "delete_offsets":
                return deleteOffsets(group, topic, with.get("partitions"));
            case "transactions":
                return admin.listTransactions().all().get().stream()
                        .map(TransactionListing::transactionalId)
                        .toList();
            case "transaction_state":
                String id = with.get("transactional_id").asText();
                return admin.describeTransactions(List.of(id))
                        .description(id)
                        .get()
                        .state()
                        .toString();
            case "producers":
                TopicPartition of = new TopicPartition(topic, with.get("partition").asInt());
                return admin.describeProducers(List.of(of))
                        .partitionResult(of)
                        .get()
                        .activeProducers()
                        .size();
            default:
                throw new IllegalArgumentException(name);
        }
    }

    private int partitionCount(String topic) throws Exception {
        if (!admin.listTopics().names().get().contains(topic)) {
            return 0;
        }
        try {
            return admin.describeTopics(List.of(topic))
                    .allTopicNames()
                    .get()
                    .get(topic)
                    .partitions()
                    .size();
        } catch (java.util.concurrent.ExecutionException error) {
            if (error.getCause() instanceof UnknownTopicOrPartitionException) {
                return 0;
            }
            throw error;
        }
    }

    private Object cluster() throws Exception {
        DescribeClusterResult told = admin.describeCluster();
        return Map.of(
                "cluster_id", told.clusterId().get(),
                "controller", told.controller().get().id(),
                "brokers", told.nodes().get().stream().map(Client::address).toList());
    }

    private static String address(Node node) {
        return node.host() + ":" + node.port();
    }

    private Object configs(String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return admin.describeConfigs(List.of(resource)).all().get().get(resource).entries().stream()
                .filter(entry -> entry.value() != null)
                .collect(Collectors.toMap(ConfigEntry::name, ConfigEntry::value));
    }

    private Object alterConfigs(String topic, JsonNode changes) throws Exception {
        List<AlterConfigOp> operations = new ArrayList<>();
        changes.fields()
                .forEachRemaining(
                        one ->
                                operations.add(
                                        new AlterConfigOp(
                                                new ConfigEntry(
                                                        one.getKey(), one.getValue().asText()),
                                                AlterConfigOp.OpType.SET)));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return admin.incrementalAlterConfigs(Map.of(resource, operations)).all().get();
    }

    private Object logBytes(String topic) throws Exception {
        List<Integer> brokers = admin.describeCluster().nodes().get().stream().map(Node::id).toList();
        return admin.describeLogDirs(brokers).allDescriptions().get().values().stream()
                .flatMap(directories -> directories.values().stream())
                .flatMap(directory -> directory.replicaInfos().entrySet().stream())
                .filter(replica -> replica.getKey().topic().equals(topic))
                .mapToLong(replica -> replica.getValue().size())
                .sum();
    }

    private Object group(String group) throws Exception {
        var told = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        return Map.of("state", told.groupState().toString(), "members", told.members().size());
    }

    private Object committed(String group, String topic) throws Exception {
        Map<Integer, Object> found = new HashMap<>();
        admin.listConsumerGroupOffsets(group)
                .partitionsToOffsetAndMetadata()
                .get()
                .forEach(
                        (place, at) -> {
                            if (place.topic().equals(topic) && at != null) {
                                found.put(
                                        place.partition(),
                                        Map.of("offset", at.offset(), "metadata", at.metadata()));
                            }
                        });
        return Lines.pairs(found);
    }

    private Object deleteOffsets(String group, String topic, JsonNode partitions) throws Exception {
        Set<TopicPartition> places = new java.util.HashSet<>();
        partitions.forEach(number -> places.add(new TopicPartition(topic, number.asInt())));
        return admin.deleteConsumerGroupOffsets(group, places).all().get();
    }

    private static Map<TopicPartition, OffsetAndMetadata> offsets(String topic, JsonNode with) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        Lines.pairs(with.get("offsets"))
                .forEach(
                        (number, offset) ->
                                offsets.put(
                                        new TopicPartition(topic, number),
                                        new OffsetAndMetadata(offset)));
        return offsets;
    }

    private Map<String, Object> produceSettings(JsonNode with) {
        return with(
                "compression.type", with.get("codec").asText(),
                "acks", with.get("acks").asText(),
                "enable.idempotence", with.get("idempotent").asBoolean());
    }

    private static KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        settings.put("linger.ms", 5);
        settings.put("max.request.size", BYTES_MAX);
        settings.put("max.block.ms", 40_000);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static void send(
            KafkaProducer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (ProducerRecord<byte[], byte[]> record : records) {
            sent.add(producer.send(record));
        }
        for (Future<RecordMetadata> one : sent) {
            one.get();
        }
    }

    private Consumer<byte[], byte[]> consumer(JsonNode with, Map<String, Object> settings) {
        boolean committedOnly = with.path("committed_only").asBoolean();
        settings.put("isolation.level", committedOnly ? "read_committed" : "read_uncommitted");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        return new KafkaConsumer<>(
                settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private Object offsetsAt(String topic, JsonNode with) {
        Map<TopicPartition, Long> asked = new HashMap<>();
        for (int number = 0; number < with.get("partitions").asInt(); number++) {
            asked.put(new TopicPartition(topic, number), with.get("timestamp_ms").asLong());
        }
        Map<Integer, Long> found = new HashMap<>();
        try (Consumer<byte[], byte[]> consumer = consumer(with, with())) {
            Map<TopicPartition, OffsetAndTimestamp> told = consumer.offsetsForTimes(asked);
            told.forEach((at, one) -> found.put(at.partition(), one == null ? null : one.offset()));
        }
        return Lines.pairs(found);
    }

    private Object reader(String topic, JsonNode with) {
        Consumer<byte[], byte[]> consumer = consumer(with, with());
        Map<TopicPartition, OffsetAndMetadata> offsets = offsets(topic, with);
        consumer.assign(offsets.keySet());
        offsets.forEach(consumer::seek);
        return new Reader(consumer, topic);
    }

    private Object member(String topic, JsonNode with) {
        boolean isCooperative = with.get("assignor").asText().equals("cooperative-sticky");
        Class<?> assignor = isCooperative ? CooperativeStickyAssignor.class : RangeAssignor.class;
        Map<String, Object> settings =
                with(
                        "group.id", with.get("group").asText(),
                        "group.protocol", "classic",
                        "session.timeout.ms", with.get("session_timeout_ms").asInt(),
                        "heartbeat.interval.ms", 300,
                        "partition.assignment.strategy", assignor.getName());
        if (!with.get("instance_id").isNull()) {
            settings.put("group.instance.id", with.get("instance_id").asText());
        }
        Consumer<byte[], byte[]> consumer = consumer(with, settings);
        consumer.subscribe(List.of(topic));
        return new Reader(consumer, topic);
    }

    private Object transactor(String transactionalId) {
        KafkaProducer<byte[], byte[]> producer = producer(with("transactional.id", transactionalId));
        producer.initTransactions();
        return new Sender(producer);
    }

    /** A reader, or a member of a group. */
    private static final class Reader implements Lines.Callee {
        private final Consumer<byte[], byte[]> consumer;
        private final String topic;

        Reader(Consumer<byte[], byte[]> consumer, String topic) {
            this.consumer = consumer;
            this.topic = topic;
        }

        @Override
        public Object call(String name, JsonNode with) {
            TopicPartition place = new TopicPartition(topic, with.path("partition").asInt());
            long offset = with.path("offset").asLong();
            switch (name) {
                case "poll":
                    List<Object> read = new ArrayList<>();
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                        read.add(Lines.read(record));
                    }
                    return read;
                case "seek":
                    consumer.seek(place, offset);
                    return null;
                case "assigned":
                    return consumer.assignment().stream().map(TopicPartition::partition).toList();
                case "commit":
                    consumer.commitSync();
                    return null;
                case "commit_at":
                    String metadata = with.get("metadata").asText();
                    consumer.commitSync(Map.of(place, new OffsetAndMetadata(offset, metadata)));
                    return null;
                case "close":
                    consumer.close();
                    return null;
                default:
                    throw new IllegalArgumentException(name);
            }
        }
    }

    /** A producer that lives on, with or without transactions. */
    private final class Sender implements Lines.Callee {
        private final KafkaProducer<byte[], byte[]> producer;

        Sender(KafkaProducer<byte[], byte[]> producer) {
            this.producer = producer;
        }

        @Override
        public Object call(String name, JsonNode with) throws Exception {
            switch (name) {
                case "begin":
                    producer.beginTransaction();
                    return null;
                case "send":
                    send(producer, Lines.records(with.get("topic").asText(), null, with.get("records")));
                    return null;
                case "send_offsets":
                    Reader member = (Reader) lines.given(with.get("member"));
                    producer.sendOffsetsToTransaction(
                            offsets(with.get("topic").asText(), with),
                            member.consumer.groupMetadata());
                    return null;
                case "commit":
                    producer.commitTransaction();
                    return null;
                case "abort":
                    producer.abortTransaction();
                    return null;
                case "close":
                    producer.close(Duration.ofSeconds(2));
                    return null;
                default:
                    throw new IllegalArgumentException(name);
            }
        }
    }
}
