package conformance

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

const (
	ledgerSuffix = ".ledger"
	ledgerLine   = 1 << 20 // the longest line that is written and read
)

// Closer is what ends one thing that a run opened: the requests that log out, in
// their order.
type Closer struct {
	// Case is the id of the case that opened it.
	Case     string         `json:"-"`
	Requests []CloseRequest `json:"requests"`
}

// CloseRequest is one request of a Closer, as it will be sent.
type CloseRequest struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
	// Done are the statuses that say that it is closed. None: any 2xx and 3xx, and
	// 401, 403, 404 and 410, with which servers answer for what is closed already.
	Done []int `json:"done,omitempty"`
}

// Ledger registers what a run opened until it is closed, so that a run that
// crashed leaves a list that Cleanup works off. It is a file that is only ever
// appended to. Time, host and case stand in it in clear; the requests hold tokens
// and are encrypted. All methods do nothing on a nil Ledger. It is safe for
// concurrent use.
type Ledger struct {
	path string
	key  []byte
	now  func() time.Time

	mu   sync.Mutex
	file *os.File // nil until the first Opened
	seal cipher.AEAD
	open map[string]Closer
	torn bool // the last write ended within a line
}

// ledgerHead is the first line of a ledger.
type ledgerHead struct {
	Format  int       `json:"mockauthLedger"` // 1
	Created time.Time `json:"created"`
	Salt    []byte    `json:"salt"`
}

// ledgerEntry is every other line.
type ledgerEntry struct {
	Opened string    `json:"opened,omitempty"` // id
	Closed string    `json:"closed,omitempty"` // id
	Time   time.Time `json:"time"`
	Host   string    `json:"host,omitempty"`
	Case   string    `json:"case,omitempty"`
	Sealed []byte    `json:"sealed,omitempty"` // nonce and encrypted Closer
}

// bound is what is said in clear and cannot be changed without the key.
func (e *ledgerEntry) bound() []byte {
	var out []byte
	for _, s := range []string{e.Opened, e.Host, e.Case, e.Time.UTC().Format(time.RFC3339Nano)} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
		out = append(out, s...)
	}
	return out
}

// LedgerKey makes the key of a target's ledgers from its secrets (see
// SecretsOf), so that whoever may log in can clean up, and nobody else can read.
// It is derived by HKDF with SHA-256 (RFC 5869); their order does not matter.
// Without a secret there is an error.
func LedgerKey(secrets []string) ([]byte, error) {
	secrets = slices.Compact(slices.Sorted(slices.Values(secrets)))
	var all []byte
	for _, s := range secrets {
		all = binary.BigEndian.AppendUint32(all, uint32(len(s)))
		all = append(all, s...)
	}
	if len(secrets) == 0 || len(secrets) == 1 && secrets[0] == "" {
		return nil, errors.New("the ledger is encrypted with the secrets of the accounts, and there are none; give the target file whose accounts have them, and set the variables that it names")
	}
	return hkdf.Extract(sha256.New, all, []byte("mockauth ledger"))
}

// LedgerFolder is where ledgers lie if the user says nothing: below
// os.UserCacheDir.
func LedgerFolder() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for the ledger (%w); name one", err)
	}
	return filepath.Join(dir, "mockauth", "ledgers"), nil
}

// LedgerName is the file name of a new ledger: two runs at once have their own.
func LedgerName(now time.Time, pid int) string {
	return fmt.Sprintf("%s-%d%s", now.UTC().Format("20060102-150405.000"), pid, ledgerSuffix)
}

// Ledgers returns the ledgers in a folder, oldest first; none if there is no
// such folder.
func Ledgers(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the folder of ledgers cannot be read: %w", err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ledgerSuffix) && e.Type().IsRegular() {
			out = append(out, filepath.Join(folder, e.Name()))
		}
	}
	sort.Strings(out)
	return out, nil
}

// OpenLedger makes a Ledger with a key of LedgerKey. The file comes into being
// with the first thing that is opened; its folder is made if need be. now is the
// clock; nil: time.Now.
func OpenLedger(path string, key []byte, now func() time.Time) (*Ledger, error) {
	if len(key) == 0 {
		return nil, errors.New("a ledger needs a key; LedgerKey makes it from the secrets of the accounts")
	}
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the ledger cannot be made: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already, from another run; clean it up, or name another file", path)
	}
	return &Ledger{path: path, key: key, now: now, open: map[string]Closer{}}, nil
}

// Path is the file.
func (l *Ledger) Path() string {
	if l == nil {
		return ""
	}
	return l.path
}

// Opened registers how to close what was opened, under an id of the caller's
// choice. A known id has its closer replaced: a session has new tokens. When it
// returns, the line is on the disk.
func (l *Ledger) Opened(id string, c Closer) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.begin(); err != nil {
		return fmt.Errorf("the ledger %s cannot be written: %w", l.path, err)
	}
	e := ledgerEntry{Opened: id, Time: l.now().UTC(), Host: c.host(), Case: c.Case}
	plain, err := json.Marshal(c)
	if err != nil {
		return err
	}
	nonce := make([]byte, l.seal.NonceSize())
	if _, err := cryptorand.Read(nonce); err != nil {
		return err
	}
	e.Sealed = l.seal.Seal(nonce, nonce, plain, e.bound())
	if err := l.append(e); err != nil {
		return fmt.Errorf("the ledger %s cannot be written: %w", l.path, err)
	}
	l.open[id] = c
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("the ledger %s cannot be written: %w", l.path, err)
	}
	return nil
}

func (c *Closer) host() string {
	for _, r := range c.Requests {
		if u, err := url.Parse(r.URL); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return ""
}

// Closed says that it is closed. Unlike Opened it does not wait for the disk:
// what is lost with the power is closed once more, which does no harm.
func (l *Ledger) Closed(id string) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.open[id]; !ok {
		return nil
	}
	if err := l.append(ledgerEntry{Closed: id, Time: l.now().UTC()}); err != nil {
		return fmt.Errorf("the ledger %s cannot be written: %w", l.path, err)
	}
	delete(l.open, id)
	return nil
}

// Left is how many things are open.
func (l *Ledger) Left() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Close ends the work with the file, and removes it if nothing is left.
func (l *Ledger) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Sync()
	err = errors.Join(err, l.file.Close()) // and with it the lock; a system may not remove what is open
	l.file = nil
	if len(l.open) == 0 {
		err = errors.Join(err, os.Remove(l.path))
	}
	return err
}

// begin makes the file, with its first line.
func (l *Ledger) begin() error {
	if l.file != nil {
		return nil
	}
	head := ledgerHead{Format: 1, Created: l.now().UTC(), Salt: make([]byte, 16)}
	if _, err := cryptorand.Read(head.Salt); err != nil {
		return err
	}
	seal, err := sealer(l.key, head.Salt)
	if err != nil {
		return err
	}
	line, err := json.Marshal(head)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return reason(err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		_ = f.Close()
		return err
	}
	syncFolder(filepath.Dir(l.path))
	l.file, l.seal = f, seal
	return nil
}

// syncFolder makes the name of a new file outlive a loss of power, where the
// system can.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func sealer(key, salt []byte) (cipher.AEAD, error) {
	own, err := hkdf.Expand(sha256.New, key, "mockauth ledger 1 "+string(salt), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (l *Ledger) append(e ledgerEntry) error {
	if l.file == nil {
		return errors.New("it is closed")
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(line) >= ledgerLine {
		return fmt.Errorf("the requests that close %s are longer than %d bytes", e.Opened, ledgerLine)
	}
	if l.torn {
		line = append([]byte("\n"), line...)
	}
	_, err = l.file.Write(append(line, '\n'))
	l.torn = err != nil
	return reason(err)
}
