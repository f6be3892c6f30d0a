import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Counts words by a state store with a changelog, behind a repartition topic:
 * ADDRESS NAME INPUT OUTPUT GUARANTEE STATE-FOLDER SESSION-TIMEOUT-MS. Says `running` once it is, and ends with its
 * input.
 */
public final class Streams {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[4]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("session.timeout.ms"), args[6]);
        settings.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 300);
        if (args[4].equals("exactly_once_v2")) {
            // Offsets of a process that was killed hang in the air for so long.
            settings.put(StreamsConfig.producerPrefix("transaction.timeout.ms"), 3000);
        }

        StreamsBuilder builder = new StreamsBuilder();
        KTable<String, Long> counts =
                builder.stream(args[2], Consumed.with(Serdes.String(), Serdes.String()))
                        .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
                        .count(Materialized.as("counts"));
        counts.toStream()
                .mapValues(String::valueOf)
                .to(args[3], Produced.with(Serdes.String(), Serdes.String()));

        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.setStateListener(
                (now, before) -> {
                    if (now == KafkaStreams.State.RUNNING) {
                        System.out.println("running");
                    }
                });
        streams.start();
        while (System.in.read() >= 0) {
            Thread.yield();
        }
        System.exit(streams.close(Duration.ofSeconds(20)) ? 0 : 1);
    }
}
