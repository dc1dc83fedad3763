import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicLong;

/** A Maelstrom node: echo, and a skeleton for requests to other nodes and services. */
public class Node {
    static String nodeId = "";
    static final AtomicLong nextId = new AtomicLong();
    static final Map<String, CompletableFuture<Map<String, String>>> calls = new ConcurrentHashMap<>();
    static final ExecutorService workers = Executors.newCachedThreadPool();

    /** Sends a message with a body given as JSON. Each message is one line, flushed at once. */
    static synchronized void send(String dest, String body) {
        System.out.println("{\"src\":\"" + nodeId + "\",\"dest\":" + dest + ",\"body\":" + body + "}");
        System.out.flush();
    }

    /** Answers a request with fields given as JSON, such as {@code "type":"echo_ok"}. */
    static void reply(Map<String, String> message, String fields) {
        String msgId = object(message.get("body")).get("msg_id");
        send(message.get("src"), "{" + fields + ",\"in_reply_to\":" + msgId + "}");
    }

    /** Sends a request; the result is its answer, or a TimeoutException if none comes in time. */
    static CompletableFuture<Map<String, String>> call(String dest, String fields, long timeoutMs) {
        String msgId = String.valueOf(nextId.incrementAndGet());
        CompletableFuture<Map<String, String>> answer = new CompletableFuture<>();
        calls.put(msgId, answer);
        send("\"" + dest + "\"", "{" + fields + ",\"msg_id\":" + msgId + "}");
        return answer.orTimeout(timeoutMs, TimeUnit.MILLISECONDS)
            .whenComplete((body, error) -> calls.remove(msgId));
    }

    /** Handles a request in a thread of its own; it may wait for calls. */
    static void handle(Map<String, String> message, Map<String, String> body) {
        switch (body.get("type")) {
            case "\"init\"" -> {
                nodeId = body.get("node_id").replace("\"", "");
                reply(message, "\"type\":\"init_ok\"");
            }
            case "\"echo\"" -> reply(message, "\"type\":\"echo_ok\",\"echo\":" + body.get("echo"));
            default -> reply(message, "\"type\":\"error\",\"code\":10,\"text\":\"unknown request\"");
        }
    }

    /** The fields of a JSON object; each value is the JSON text as it stands there. */
    static Map<String, String> object(String json) {
        Map<String, String> fields = new LinkedHashMap<>();
        int depth = 0, start = 0;
        boolean quoted = false;
        String key = null; // of the value that is being read
        for (int i = 0; i < json.length(); i++) {
            char c = json.charAt(i);
            if (quoted && c == '\\') { i++; continue; }
            if (c == '"') quoted = !quoted;
            if (quoted) continue;
            if (depth == 1 && c == ':' && key == null) {
                key = json.substring(start, i).trim().replace("\"", "");
                start = i + 1;
            } else if (depth == 1 && (c == ',' || c == '}') && key != null) {
                fields.put(key, json.substring(start, i).trim());
                key = null; start = i + 1;
            }
            if ((c == '{' || c == '[') && depth++ == 0) start = i + 1;
            if (c == '}' || c == ']') depth--;
        }
        return fields;
    }
    public static void main(String[] args) {
        for (Scanner lines = new Scanner(System.in, "UTF-8"); lines.hasNextLine();) {
            Map<String, String> message = object(lines.nextLine());
            Map<String, String> body = object(message.get("body"));
            CompletableFuture<Map<String, String>> call = calls.get(body.getOrDefault("in_reply_to", ""));
            if (call != null) call.complete(body);
            else if ("\"init\"".equals(body.get("type"))) handle(message, body); // before what follows
            else if (!body.containsKey("in_reply_to")) workers.submit(() -> handle(message, body));
        }
        workers.shutdown();
    }
}
