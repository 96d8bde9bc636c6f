package conformance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

var errLedgerInUse = errors.New("a run still writes it; wait until it has ended, it closes what it opened itself")

// LedgerEntry is one thing that a run opened and did not close.
type LedgerEntry struct {
	ID     string
	Case   string
	Host   string
	Opened time.Time
}

// Cleaned is what Cleanup did about one entry.
type Cleaned struct {
	LedgerEntry

	OK bool
	// Said is what came: "answered 204", or why it could not be closed.
	Said string
}

// LeftIn returns what a ledger still has open, oldest first. It needs no key.
func LeftIn(path string) ([]LedgerEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the ledger %s cannot be read: %w", path, reason(err))
	}
	defer func() { _ = f.Close() }()
	_, entries, _, err := readLedger(path, f)
	if err != nil {
		return nil, err
	}
	out := make([]LedgerEntry, len(entries))
	for i, e := range entries {
		out[i] = LedgerEntry{ID: e.Opened, Case: e.Case, Host: e.Host, Opened: e.Time}
	}
	return out, nil
}

// Cleanup closes what a ledger has open, youngest first, and tells of each (tell
// may be nil). What is closed is noted, so that it may be interrupted and called
// again; when nothing is left, the file is removed. It returns how many are left.
// The client's own rules hold: hosts that are not the target's are not called.
//
// An error is a ledger that cannot be used: it is none, a run still writes it, or
// its key is another, and then nothing was sent.
func Cleanup(ctx context.Context, path string, key []byte, client *Client, tell func(Cleaned)) (left int, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return 0, fmt.Errorf("the ledger %s cannot be opened: %w", path, reason(err))
	}
	l := &Ledger{path: path, file: f, now: time.Now, open: map[string]Closer{}}
	keep := func() { _ = f.Close() }
	if err := lockFile(f); err != nil {
		keep()
		return 0, fmt.Errorf("the ledger %s: %w", path, err)
	}
	head, entries, torn, err := readLedger(path, f)
	if err != nil {
		keep()
		return 0, err
	}
	if l.seal, err = sealer(key, head.Salt); err != nil {
		keep()
		return 0, err
	}
	for _, e := range entries {
		c, err := e.unseal(l.seal)
		if err != nil {
			keep()
			return len(entries), fmt.Errorf("the ledger %s was written with other secrets than those of this target; it is about %s: give the target file of that run, and set the same variables", path, e.Host)
		}
		l.open[e.Opened] = c
	}
	l.torn = torn
	for _, e := range slices.Backward(entries) {
		if ctx.Err() != nil {
			break
		}
		done := Cleaned{LedgerEntry: LedgerEntry{ID: e.Opened, Case: e.Case, Host: e.Host, Opened: e.Time}}
		done.OK, done.Said = client.end(ctx, l.open[e.Opened])
		if done.OK {
			if err := l.Closed(e.Opened); err != nil {
				done.Said += "; but " + err.Error()
			}
		}
		if tell != nil {
			tell(done)
		}
	}
	left = l.Left()
	return left, errors.Join(ctx.Err(), l.Close())
}

// end sends the requests of a closer, all of them, and says whether it is closed.
func (c *Client) end(ctx context.Context, closer Closer) (ok bool, said string) {
	ok = true
	var all []string
	for _, q := range closer.Requests {
		r, err := http.NewRequestWithContext(ctx, q.Method, q.URL, bytes.NewReader(q.Body))
		if err != nil {
			return false, "the request cannot be made again"
		}
		if q.Header != nil {
			r.Header = q.Header.Clone()
		}
		reply, err := c.Do(ctx, r)
		if err != nil && reply == nil {
			return false, err.Error()
		}
		all = append(all, fmt.Sprintf("answered %d", reply.Status))
		ok = ok && q.done(reply.Status)
	}
	return ok, strings.Join(all, ", ")
}

func (q *CloseRequest) done(status int) bool {
	if len(q.Done) > 0 {
		return slices.Contains(q.Done, status)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return status >= 200 && status < 400
}

func (e *ledgerEntry) unseal(seal cipher.AEAD) (Closer, error) {
	var c Closer
	n := seal.NonceSize()
	if len(e.Sealed) < n {
		return c, errors.New("too short")
	}
	plain, err := seal.Open(nil, e.Sealed[:n], e.Sealed[n:], e.bound())
	if err != nil {
		return c, err
	}
	err = json.Unmarshal(plain, &c)
	c.Case = e.Case
	return c, err
}

// readLedger returns what is open, in the order in which it was opened. A line
// that cannot be read was torn when its run ended or the disk was full; the run
// was never told that it is there. torn says that the last line is such a one.
func readLedger(path string, r io.Reader) (head ledgerHead, open []ledgerEntry, torn bool, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	latest := map[string]int{} // index in open
	for n := 1; ; n++ {
		line, err := readLine(in)
		torn = err == io.EOF && len(line) > 0 //nolint:errorlint // it is as readLine returns it
		if err != nil && !errors.Is(err, io.EOF) {
			return head, nil, false, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if n == 1 {
			if json.Unmarshal(line, &head) != nil || head.Format == 0 {
				return head, nil, false, fmt.Errorf("%s is no ledger; those of a run end in %s", path, ledgerSuffix)
			}
			if head.Format != 1 {
				return head, nil, false, fmt.Errorf("%s has format %d; this version reads 1", path, head.Format)
			}
		} else if e := (ledgerEntry{}); json.Unmarshal(line, &e) == nil {
			id := e.Opened + e.Closed
			if i, known := latest[id]; known {
				open[i].Opened = ""
			}
			latest[id] = len(open)
			open = append(open, e)
		}
		if err != nil {
			open = slices.DeleteFunc(open, func(e ledgerEntry) bool { return e.Opened == "" })
			return head, open, torn, nil //nolint:nilerr // the end of the file is no error
		}
	}
}

// readLine reads a line of bounded length, without its end. At the end of the
// file it returns what is left, and io.EOF.
func readLine(in *bufio.Reader) ([]byte, error) {
	var out []byte
	for {
		part, err := in.ReadSlice('\n')
		out = append(out, part...)
		if len(out) > ledgerLine {
			return nil, errors.New("the line is longer than any of a ledger")
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return bytes.TrimSuffix(out, []byte("\n")), err
	}
}
