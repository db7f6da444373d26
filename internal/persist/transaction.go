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
	cmds   []redis.Cmder      // what is asked for: *redis.IntCmd and *redis.Cmd
	queued []*redis.StatusCmd // the same as sent: the server says that it has them
	exec   *redis.RawCmd      // their answers
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
	n, t := p.node(server), &transaction{cmds: cmds, exec: redis.NewRawCmd(ctx, "exec")}
	n.cmds = append(n.cmds, redis.NewStatusCmd(ctx, "multi"))
	for _, cmd := range cmds {
		queued := redis.NewStatusCmd(ctx, cmd.Args()...)
		t.queued = append(t.queued, queued)
		n.cmds = append(n.cmds, queued)
	}
	n.cmds = append(n.cmds, t.exec)
	n.transactions = append(n.transactions, t)
}

// settle hands the answers to the commands. If the server has refused one of them, it has done none.
func (t *transaction) settle() {
	reply, err := t.exec.Result()
	for _, queued := range t.queued {
		if err == nil {
			err = queued.Err()
		}
	}
	if err == nil {
		err = t.distribute(reply)
	}
	if err != nil {
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

// distribute reads EXEC's reply itself: inside of an array the library takes some error replies for the end of it, and
// what follows for the answers to other commands.
func (t *transaction) distribute(reply []byte) error {
	value, _, err := parseReply(reply)
	if failed, ok := value.(replyError); ok {
		err = failed
	}
	if err != nil {
		return err
	}
	answers, _ := value.([]any)
	if len(answers) != len(t.cmds) {
		return fmt.Errorf("%d answers to the %d commands of a transaction", len(answers), len(t.cmds))
	}
	for i, answer := range answers {
		if failed, ok := answer.(replyError); ok {
			t.cmds[i].SetErr(failed)
			continue
		}
		switch cmd := t.cmds[i].(type) {
		case *redis.IntCmd:
			n, _ := answer.(int64)
			cmd.SetVal(n)
		case *redis.Cmd:
			cmd.SetVal(answer)
		}
	}
	return nil
}

// replyError is an error reply of the server.
type replyError string

func (e replyError) Error() string { return string(e) }

// RedisError tells that it was the server who said it.
func (replyError) RedisError() {}

// parseReply reads what transactions are answered with: numbers, texts and lists, and error replies inside of lists.
func parseReply(data []byte) (value any, rest []byte, err error) {
	line, rest, whole := bytes.Cut(data, []byte("\r\n"))
	if !whole || len(line) < 2 {
		return nil, nil, fmt.Errorf("reply cut off: %q", data)
	}
	content := string(line[1:])
	switch line[0] {
	case '+':
		return content, rest, nil
	case '-':
		return replyError(content), rest, nil
	}
	n, err := strconv.Atoi(content)
	switch {
	case line[0] == ':' && err == nil:
		return int64(n), rest, nil
	case line[0] == '$' && err == nil && n >= 0 && len(rest) >= n+2:
		return string(rest[:n]), rest[n+2:], nil
	case line[0] == '*' && err == nil:
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
