// A Maelstrom node: echo, and a skeleton for requests to other nodes and services.
// c++ -std=c++17 -pthread -o node node.cpp
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
using Object = std::map<std::string, std::string>; // each value is its JSON text
std::mutex mutex; // guards stdout and the variables below
std::string node_id;
long next_id = 0;
std::map<std::string, std::promise<Object>> calls;
Object object(const std::string& json) {
    Object fields;
    std::string key;
    size_t depth = 0, start = 0;
    bool quoted = false, in_value = false;
    for (size_t i = 0; i < json.size(); i++) {
        char c = json[i];
        if (quoted && c == '\\') { i++; continue; }
        if (c == '"') quoted = !quoted;
        if (quoted) continue;
        if (depth == 1 && c == ':' && !in_value) {
            size_t first = json.find('"', start) + 1;
            key = json.substr(first, json.rfind('"', i) - first);
            in_value = true, start = i + 1;
        } else if (depth == 1 && (c == ',' || c == '}') && in_value) {
            size_t first = json.find_first_not_of(" ", start);
            fields[key] = json.substr(first, json.find_last_not_of(" ", i - 1) - first + 1);
            in_value = false, start = i + 1;
        }
        if ((c == '{' || c == '[') && depth++ == 0) start = i + 1;
        if (c == '}' || c == ']') depth--;
    }
    return fields;
}
// Sends a message, with dest and body as JSON; each message is one line, flushed at once.
void send(const std::string& dest, const std::string& body) {
    std::lock_guard lock(mutex);
    std::cout << R"({"src":")" << node_id << R"(","dest":)" << dest << R"(,"body":)" << body << "}" << std::endl;
}

void reply(Object& message, const std::string& fields) {
    send(message["src"], "{" + fields + R"(,"in_reply_to":)" + object(message["body"])["msg_id"] + "}");
}

// Sends a request and waits for its answer. Returns nothing if none comes in time.
std::optional<Object> call(const std::string& dest, const std::string& fields, int timeout_ms) {
    std::unique_lock<std::mutex> lock(mutex);
    std::string id = std::to_string(++next_id);
    std::future<Object> answer = calls[id].get_future();
    lock.unlock();
    send('"' + dest + '"', "{" + fields + R"(,"msg_id":)" + id + "}");
    bool arrived = answer.wait_for(std::chrono::milliseconds(timeout_ms)) == std::future_status::ready;
    lock.lock();
    calls.erase(id);
    return arrived ? std::optional<Object>(answer.get()) : std::nullopt;
}

// Handles a request in its own thread, so it may wait for calls.
void handle(Object message, Object body) {
    if (body["type"] == R"("echo")") reply(message, R"("type":"echo_ok","echo":)" + body["echo"]);
    else reply(message, R"("type":"error","code":10,"text":"unknown request")");
}

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        Object message = object(line), body = object(message["body"]);
        if (body.count("in_reply_to")) {
            std::lock_guard lock(mutex);
            auto call = calls.find(body["in_reply_to"]);
            if (call != calls.end()) call->second.set_value(body);
        } else if (body["type"] == R"("init")") {
            node_id = body["node_id"].substr(1, body["node_id"].size() - 2);
            reply(message, R"("type":"init_ok")");
        } else std::thread(handle, message, body).detach();
    }
}
