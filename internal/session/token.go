package session

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"

	"github.com/golang-jwt/jwt/v5"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// formOf returns the form that a kind of token has now.
func (m *Machine) formOf(s *scope, k *specs.TokenKind) (*specs.TokenForm, error) {
	for i := range k.Forms {
		if ok, _ := k.Forms[i].When.Holds(s); ok {
			return &k.Forms[i], nil
		}
	}
	return nil, fmt.Errorf("no form of the token %s fits these settings", k.Name)
}

// mint makes the text and the value of a token.
func (m *Machine) mint(s *scope, t *Token, form *specs.TokenForm) error {
	if form.JWT == nil {
		v, err := schema.Generate(form.Schema, m.Rand)
		if err != nil {
			return err
		}
		text, ok := value.Text(v)
		if !ok {
			return fmt.Errorf("its schema makes no text and no number")
		}
		t.Value, t.Text = v, text
		return nil
	}
	text, err := sign(s, form.JWT)
	if err != nil {
		return err
	}
	t.Value, t.Text = text, text
	return nil
}

func (m *Machine) object(s *scope, named []specs.NamedValue) (value.Object, error) {
	o := make(value.Object, 0, len(named))
	for _, n := range named {
		v, err := n.Value.Eval(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name, err)
		}
		if v == nil || v == specs.Absent {
			continue
		}
		o = append(o, value.Member{Name: n.Name, Value: v})
	}
	return o, nil
}

// sign serialises header and claims in their documented order, which no JWT
// library keeps, and signs them.
func sign(s *scope, j *specs.JWT) (string, error) {
	header, err := s.m.object(s, j.Header)
	if err != nil {
		return "", fmt.Errorf("header: %w", err)
	}
	claims, err := s.m.object(s, j.Claims)
	if err != nil {
		return "", fmt.Errorf("claim %w", err)
	}
	named, _ := header.Get("alg")
	alg := fmt.Sprint(named)
	h, err := codec.AppendJSON(nil, header)
	if err != nil {
		return "", err
	}
	c, err := codec.AppendJSON(nil, claims)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	room := 400 // for the signature
	if hashOf(alg) != nil {
		room = 2 + enc.EncodedLen(sha512.Size)
	}
	buf := make([]byte, 0, enc.EncodedLen(len(h))+enc.EncodedLen(len(c))+room)
	buf = enc.AppendEncode(buf, h)
	buf = append(buf, '.')
	buf = enc.AppendEncode(buf, c)
	key, err := j.Key.Eval(s)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	keyText, _ := key.(string)
	mac, err := s.m.signature(alg, keyText, buf)
	if err != nil {
		return "", err
	}
	buf = append(buf, '.')
	return string(enc.AppendEncode(buf, mac)), nil
}

func hashOf(alg string) func() hash.Hash {
	switch alg {
	case "HS256":
		return sha256.New
	case "HS384":
		return sha512.New384
	case "HS512":
		return sha512.New
	}
	return nil
}

func (m *Machine) signature(alg, key string, text []byte) ([]byte, error) {
	if h := hashOf(alg); h != nil {
		mac := hmac.New(h, []byte(key))
		mac.Write(text)
		return mac.Sum(nil), nil
	}
	if alg == "RS256" && m.Sham {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(text)
		return mac.Sum(nil), nil
	}
	if alg == "RS256" {
		k, err := m.rsaKey(key)
		if err != nil {
			return nil, fmt.Errorf("RS256 wants a PEM private key: %w", err)
		}
		return m.Keys.sign(k, text)
	}
	return nil, fmt.Errorf("alg %q is not supported; use HS256, HS384, HS512 or RS256", alg)
}

// rsaKey reads a PEM private key, and keeps it: reading costs as much as
// signing.
func (m *Machine) rsaKey(pem string) (*rsa.PrivateKey, error) {
	if m.key != nil && m.keyText == pem {
		return m.key, nil
	}
	k, err := m.Keys.read(pem)
	if err != nil {
		return nil, err
	}
	m.key, m.keyText = k, pem
	return k, nil
}

// Keys holds RSA keys that were read, and signatures made, for machines of one contract that share
// it: every world has a machine of its own, and reading a key costs half a
// millisecond. The zero value is ready; a nil *Keys reads each time.
type Keys struct {
	mu     sync.Mutex
	held   map[string]*rsa.PrivateKey
	signed map[signed][]byte
}

// signed is what was signed, and with which key.
type signed struct {
	key *rsa.PrivateKey
	sum [sha256.Size]byte
}

// maxSigned bounds how many signatures are held. A test after another that
// begins in the same state signs the same few.
const maxSigned = 1024

// sign signs by RSASSA-PKCS1-v1_5, which gives the same text the same signature
// each time, and costs a millisecond: what was signed is remembered.
func (k *Keys) sign(key *rsa.PrivateKey, text []byte) ([]byte, error) {
	what := signed{key, sha256.Sum256(text)}
	if k == nil {
		return rsa.SignPKCS1v15(nil, key, crypto.SHA256, what.sum[:])
	}
	k.mu.Lock()
	old := k.signed[what]
	k.mu.Unlock()
	if old != nil {
		return slices.Clone(old), nil
	}
	out, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, what.sum[:])
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.signed == nil || len(k.signed) >= maxSigned {
		k.signed = map[signed][]byte{}
	}
	k.signed[what] = slices.Clone(out)
	return out, nil
}

// maxKeys bounds how many keys are held; a contract has one or two.
const maxKeys = 16

func (k *Keys) read(pem string) (*rsa.PrivateKey, error) {
	if k == nil {
		return jwt.ParseRSAPrivateKeyFromPEM([]byte(pem))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.held[pem]; key != nil {
		return key, nil
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(pem))
	if err != nil {
		return nil, err
	}
	if k.held == nil || len(k.held) >= maxKeys {
		k.held = map[string]*rsa.PrivateKey{}
	}
	k.held[pem] = key
	return key, nil
}

// form says what a text that was never issued looks like, as a token of a
// kind: "malformed", "forged" or "unknown".
func (m *Machine) form(s *scope, k *specs.TokenKind, text string) string {
	worst := "malformed"
	for i := range k.Forms {
		f := &k.Forms[i]
		if ok, _ := f.When.Holds(s); !ok && settingsOnly(f.When) {
			continue
		}
		if f.JWT != nil {
			switch m.jwtForm(s, f.JWT, text) {
			case "unknown":
				return "unknown"
			case "forged":
				worst = "forged"
			}
			continue
		}
		v, err := m.Contract.Schemas.Compile(f.Pointer, schema.Request)
		if err == nil && len(v.Validate(codec.DecodeText(f.Schema, text))) == 0 {
			return "unknown"
		}
	}
	return worst
}

// settingsOnly reports whether a condition looks at settings alone, so that it
// can be decided without a session.
func settingsOnly(e *specs.Expr) bool {
	if e == nil {
		return true
	}
	names, err := e.Names()
	if err != nil {
		return false
	}
	for n := range names {
		if n != "settings" {
			return false
		}
	}
	return true
}

func (m *Machine) jwtForm(s *scope, j *specs.JWT, text string) string {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || len(text) > 16<<10 {
		return "malformed"
	}
	enc := base64.RawURLEncoding.Strict()
	head, err := enc.DecodeString(parts[0])
	var header map[string]any
	if err != nil || json.Unmarshal(head, &header) != nil {
		return "malformed"
	}
	body, err := enc.DecodeString(parts[1])
	if err != nil || !json.Valid(body) || !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return "malformed"
	}
	want, _ := m.object(s, j.Header)
	alg, _ := want.Get("alg")
	key, err := j.Key.Eval(s)
	keyText, _ := key.(string)
	mac, decodeErr := enc.DecodeString(parts[2])
	if err != nil || decodeErr != nil || header["alg"] != alg {
		return "forged"
	}
	signed := text[:len(parts[0])+1+len(parts[1])]
	if alg == "RS256" && !m.Sham {
		k, err := s.m.rsaKey(keyText)
		if err != nil {
			return "forged"
		}
		sum := sha256.Sum256([]byte(signed))
		if rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, sum[:], mac) != nil {
			return "forged"
		}
		return "unknown"
	}
	sum, err := s.m.signature(fmt.Sprint(alg), keyText, []byte(signed))
	if err != nil || !hmac.Equal(sum, mac) {
		return "forged"
	}
	return "unknown"
}
