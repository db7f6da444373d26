package persist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// transaction is commands that one server carries out all or none, among others in its pipeline. The client library
// has transactions only as pipelines of their own: a round trip each.
type transaction struct {
	cmds []redis.Cmder   // what is asked for: *redis.IntCmd and *redis.Cmd
	sent []*redis.RawCmd // MULTI, and the same as sent: the server says that it has them
	exec *redis.RawCmd   // their answers
}

// addTransaction queues commands for a target that is one server.
func (p *pipes) addTransaction(ctx context.Context, cmds []redis.Cmder) {
	server, err := p.conn.primary(ctx, "")
	if err != nil {
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
		return
	}
	t := &transaction{cmds: cmds, sent: []*redis.RawCmd{redis.NewRawCmd(ctx, "multi")}, exec: redis.NewRawCmd(ctx, "exec")}
	for _, cmd := range cmds {
		t.sent = append(t.sent, redis.NewRawCmd(ctx, cmd.Args()...))
	}
	n := p.node(server)
	for _, cmd := range t.sent {
		n.cmds = append(n.cmds, cmd)
	}
	n.cmds = append(n.cmds, t.exec)
	n.transactions = append(n.transactions, t)
}

// settle hands the answers to the commands. If the server has refused one of them, it has done none.
func (t *transaction) settle() {
	if err := t.distribute(); err != nil {
		t.fail(err)
	}
}

func (t *transaction) fail(err error) {
	for _, cmd := range t.cmds {
		if cmd.Err() == nil || errors.Is(cmd.Err(), redis.Nil) {
			cmd.SetErr(err)
		}
	}
}

func (t *transaction) distribute() error {
	for _, cmd := range t.sent {
		if _, err := replied(cmd); err != nil {
			return err
		}
	}
	value, err := replied(t.exec)
	if err != nil {
		return err
	}
	answers, _ := value.([]any)
	if len(answers) != len(t.cmds) {
		return fmt.Errorf("%d answers to the %d commands of a transaction", len(answers), len(t.cmds))
	}
	for i, value := range answers {
		t.cmds[i].SetErr(answer(t.cmds[i], value))
	}
	return nil
}

// replied reads a reply ourselves: inside of an array the library takes some error replies for the end of it, and what
// follows for the answers to other commands. What the server has said counts, though the connection broke behind it.
func replied(cmd *redis.RawCmd) (any, error) {
	value, rest, err := parseReply(cmd.Val())
	if failed, ok := value.(replyError); ok {
		return nil, failed
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("more than a reply: %q", rest)
	}
	if err != nil && cmd.Err() != nil {
		err = cmd.Err()
	}
	return value, err
}

// answer gives a command its answer, or tells why it is none.
func answer(cmd redis.Cmder, value any) error {
	if failed, ok := value.(replyError); ok {
		return failed
	}
	if cmd, ok := cmd.(*redis.Cmd); ok && value != nil {
		cmd.SetVal(value)
		return nil
	}
	if n, ok := value.(int64); ok {
		cmd.(*redis.IntCmd).SetVal(n)
		return nil
	}
	return fmt.Errorf("%s is answered with %T", cmd.Name(), value)
}

// replyError is an error reply of the server.
type replyError string

func (e replyError) Error() string { return string(e) }

// RedisError tells that it was the server who said it.
func (replyError) RedisError() {}

// parseReply reads what transactions are answered with: numbers, texts and lists, nil, and error replies inside of lists.
func parseReply(data []byte) (value any, rest []byte, err error) {
	line, rest, whole := bytes.Cut(data, []byte("\r\n"))
	if !whole || len(line) == 0 {
		return nil, nil, fmt.Errorf("reply cut off: %q", data)
	}
	kind, content := line[0], string(line[1:])
	switch kind {
	case '+':
		return content, rest, nil
	case '-':
		return replyError(content), rest, nil
	case '_':
		return nil, rest, nil
	}
	n, err := strconv.Atoi(content)
	switch {
	case err != nil:
	case kind == ':':
		return int64(n), rest, nil
	case n == -1 && (kind == '$' || kind == '*'): // nil, as it was before RESP3
		return nil, rest, nil
	case kind == '$' && n >= 0 && n <= len(rest)-2 && string(rest[n:n+2]) == "\r\n":
		return string(rest[:n]), rest[n+2:], nil
	case kind == '*' && n >= 0:
		return parseList(n, rest)
	}
	return nil, nil, fmt.Errorf("reply not understood: %q", line)
}

func parseList(n int, data []byte) (list any, rest []byte, err error) {
	values := []any{}
	for rest = data; len(values) < n; {
		var value any
		if value, rest, err = parseReply(rest); err != nil {
			return nil, nil, err
		}
		values = append(values, value)
	}
	return values, rest, nil
}
