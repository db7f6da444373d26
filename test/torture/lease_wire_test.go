package torture

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wire is one replica's way to Redis: it can be cut, and the server's view of its connections tells whose they are.
type wire struct {
	number   int
	to       string
	listener net.Listener
	owners   *owners

	mu      sync.Mutex
	passing chan struct{} // closed while what is sent arrives
	conns   []net.Conn
	running sync.WaitGroup
}

// owners tells replicas by the addresses that a server sees them at.
type owners struct{ numbers sync.Map }

const nobody = -1

func (o *owners) of(address string) int {
	if number, known := o.numbers.Load(address); known {
		return number.(int)
	}
	return nobody
}

func newWire(t testing.TB, number int, to string, o *owners) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{number: number, to: to, listener: listener, owners: o, passing: make(chan struct{})}
	close(w.passing)
	w.running.Go(w.accept)
	t.Cleanup(w.end)
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.running.Go(func() { w.connect(conn) })
	}
}

func (w *wire) connect(replica net.Conn) {
	<-w.passable()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = replica.Close()
		return
	}
	w.owners.numbers.Store(server.LocalAddr().String(), w.number)
	w.mu.Lock()
	w.conns = append(w.conns, replica, server)
	w.mu.Unlock()
	w.running.Go(func() { w.pass(server, replica) })
	w.pass(replica, server)
}

// pass hands on what comes. While the wire is cut it keeps what it has, and what was sent arrives later, as with TCP.
func (w *wire) pass(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		<-w.passable()
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) passable() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.passing
}

// cut has nothing arrive any more, and nobody is told.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passing = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.passing:
	default:
		close(w.passing)
	}
}

func (w *wire) end() {
	_ = w.listener.Close()
	w.mend()
	w.mu.Lock()
	for _, conn := range w.conns {
		_ = conn.Close()
	}
	w.mu.Unlock()
	w.running.Wait()
}

// A wire that is cut passes nothing on, and what was sent meanwhile arrives when it is mended.
func TestWire(t *testing.T) {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	o := &owners{}
	w := newWire(t, 3, far.Addr().String(), o)
	near, err := net.Dial("tcp", w.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	conn, err := far.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	w.cut()
	if _, err := io.WriteString(near, "late"); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan string)
	go func() {
		text := make([]byte, 4)
		n, _ := io.ReadFull(conn, text)
		arrived <- string(text[:n])
	}()
	select {
	case text := <-arrived:
		t.Errorf("%q has arrived over a cut wire", text)
	default:
	}
	w.mend()
	if text := <-arrived; text != "late" {
		t.Errorf("%q has arrived, want it late and whole", text)
	}
	if got := o.of(conn.RemoteAddr().String()); got != 3 {
		t.Errorf("the connection is of %d", got)
	}
}
