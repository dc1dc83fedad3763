// A Maelstrom node: echo, and a skeleton for requests to other nodes and services.
package main

import (
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"sync"
	"time"
)
type Body map[string]any
type Message struct {
	Src, Dest string
	Body      Body
}
var (
	mutex  sync.Mutex // guards stdout and the variables below
	nodeID string
	nextID int
	calls  = map[string]chan Body{}
)

// send writes a message; each is one line.
func send(dest string, body Body) {
	mutex.Lock()
	defer mutex.Unlock()
	json.NewEncoder(os.Stdout).Encode(Body{"src": nodeID, "dest": dest, "body": body})
}

// reply answers a request.
func reply(request Message, body Body) {
	body["in_reply_to"] = request.Body["msg_id"]
	send(request.Src, body)
}

// call sends a request and waits for its answer.
func call(dest string, body Body, timeout time.Duration) (Body, error) {
	answer := make(chan Body, 1)
	mutex.Lock()
	nextID++
	body["msg_id"] = nextID
	calls[strconv.Itoa(nextID)] = answer
	mutex.Unlock()
	send(dest, body)
	select {
	case body := <-answer:
		return body, nil
	case <-time.After(timeout):
		return nil, errors.New("no answer in time")
	}
}

func handle(message Message) { // in its own goroutine, so it may wait for calls
	if message.Body["type"] == "echo" {
		reply(message, Body{"type": "echo_ok", "echo": message.Body["echo"]})
		return
	}
	reply(message, Body{"type": "error", "code": 10, "text": "unknown request"})
}

func main() {
	lines := json.NewDecoder(os.Stdin)
	lines.UseNumber() // integers keep all their digits
	for message := (Message{}); lines.Decode(&message) == nil; message = (Message{}) {
		if id, ok := message.Body["in_reply_to"].(json.Number); ok {
			mutex.Lock()
			if answer := calls[id.String()]; answer != nil {
				answer <- message.Body
				delete(calls, id.String())
			}
			mutex.Unlock()
		} else if message.Body["type"] == "init" {
			nodeID = message.Body["node_id"].(string)
			reply(message, Body{"type": "init_ok"})
		} else {
			go handle(message)
		}
	}
}
