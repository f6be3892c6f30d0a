import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.protocol.Errors;

/** JSON lines between the suite and a client: see tests/support/clients/lines.py. */
final class Lines {
    static final ObjectMapper JSON = new ObjectMapper();

    /** Whatever has calls: the client, or what the client has given out. */
    interface Callee {
        Object call(String name, JsonNode with) throws Exception;
    }

    private final Map<Integer, Callee> given = new HashMap<>();

    Callee given(JsonNode handle) {
        return given.get(handle.asInt());
    }

    void serve(Callee client) throws IOException {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode asked = JSON.readTree(line);
            Callee on = asked.get("on").isNull() ? client : given(asked.get("on"));
            out.println(JSON.writeValueAsString(answer(on, asked)));
        }
    }

    private Object answer(Callee on, JsonNode asked) {
        try {
            Object gave = on.call(asked.get("call").asText(), asked.get("with"));
            Map<String, Object> answer = new HashMap<>();
            answer.put("gave", gave instanceof Callee ? handle((Callee) gave) : gave);
            return answer;
        } catch (Exception error) {
            Throwable cause = error;
            while (cause instanceof ExecutionException
                    || (cause.getCause() instanceof ApiException
                            && !(cause instanceof ApiException))) {
                cause = cause.getCause();
            }
            Errors known = Errors.forException(cause);
            boolean isUnknown = known == Errors.UNKNOWN_SERVER_ERROR;
            return Map.of("refused", isUnknown ? "CLIENT" : known.name(), "why", cause.toString());
        }
    }

    private Object handle(Callee callee) {
        given.put(given.size(), callee);
        return Map.of("handle", given.size() - 1);
    }

    static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    static List<ProducerRecord<byte[], byte[]>> records(
            String topic, Integer partition, JsonNode told) {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (JsonNode one : told) {
            ProducerRecord<byte[], byte[]> record =
                    new ProducerRecord<>(
                            topic,
                            partition,
                            one.get("time").asLong(),
                            bytes(one.get("key")),
                            bytes(one.get("value")));
            for (JsonNode header : one.get("headers")) {
                record.headers().add(header.get(0).asText(), bytes(header.get(1)));
            }
            records.add(record);
        }
        return records;
    }

    static ObjectNode read(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode told = JSON.createObjectNode();
        told.put("partition", record.partition()).put("offset", record.offset());
        told.put("key", text(record.key())).put("value", text(record.value()));
        told.put("time", record.timestamp());
        ArrayNode headers = told.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(text(header.value()));
        }
        return told;
    }

    static Map<Integer, Long> pairs(JsonNode told) {
        Map<Integer, Long> pairs = new HashMap<>();
        told.forEach(pair -> pairs.put(pair.get(0).asInt(), pair.get(1).asLong()));
        return pairs;
    }

    static List<List<Object>> pairs(Map<Integer, ?> values) {
        List<List<Object>> pairs = new ArrayList<>();
        values.forEach(
                (number, value) -> {
                    List<Object> pair = new ArrayList<>();
                    pair.add(number);
                    pair.add(value);
                    pairs.add(pair);
                });
        return pairs;
    }
}
