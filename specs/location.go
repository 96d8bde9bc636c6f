package specs

import (
	"fmt"
	"strings"

	"github.com/mockauth/mockauth/internal/value"
)

// Part is the part of a request or an answer in which a Location lies.
type Part int

// The parts of a message.
const (
	InBody Part = iota
	InPath
	InQuery
	InHeader
	InCookie
	InBearer        // the token of Authorization: Bearer
	InBasicUser     // RFC 7617 user-id
	InBasicPassword // RFC 7617 password
)

// Location is a place in a request or an answer.
type Location struct {
	Src      string
	Response bool
	In       Part
	Name     string   // of the parameter, header field (as spelled) or cookie
	Tokens   []string // InBody: reference tokens of the JSON pointer
}

func (l Location) String() string { return l.Src }

// Field is the short name that a message uses for the location: the last
// member of the pointer, or the name of the parameter.
func (l Location) Field() string {
	switch l.In {
	case InBody:
		if len(l.Tokens) == 0 {
			return "body"
		}
		return l.Tokens[len(l.Tokens)-1]
	case InBearer, InBasicUser, InBasicPassword:
		return "Authorization"
	}
	return l.Name
}

// Describe says where the location is, in words.
func (l Location) Describe() string {
	switch l.In {
	case InBody:
		if len(l.Tokens) == 0 {
			return "the body"
		}
		return "the member " + value.Pointer(l.Tokens...) + " of the body"
	case InPath:
		return "the path parameter " + l.Name
	case InQuery:
		return "the query parameter " + l.Name
	case InHeader:
		return "the header " + l.Name
	case InCookie:
		return "the cookie " + l.Name
	case InBearer:
		return "the header Authorization: Bearer"
	}
	return "the header Authorization: Basic"
}

// parseLocation reads a location. bare says to which side a bare pointer
// belongs: the response (true) or the request.
func parseLocation(src string, bare bool) (Location, error) {
	l := Location{Src: src, Response: bare}
	if src == "" || src[0] == '/' {
		tokens, err := value.SplitPointer(src)
		if err != nil {
			return l, err
		}
		l.Tokens = tokens
		return l, nil
	}
	rest, ok := strings.CutPrefix(src, "$request.")
	if ok {
		l.Response = false
	} else if rest, ok = strings.CutPrefix(src, "$response."); ok {
		l.Response = true
	} else {
		return l, fmt.Errorf("a location is a JSON pointer such as /login/userName, or begins with $request. or $response.")
	}
	if rest == "body" {
		return l, nil
	}
	if p, ok := strings.CutPrefix(rest, "body#"); ok {
		tokens, err := value.SplitPointer(p)
		l.Tokens = tokens
		return l, err
	}
	if !l.Response {
		switch rest {
		case "bearer":
			l.In = InBearer
			return l, nil
		case "basic.username":
			l.In = InBasicUser
			return l, nil
		case "basic.password":
			l.In = InBasicPassword
			return l, nil
		}
	}
	in, name, ok := strings.Cut(rest, ".")
	if ok && name != "" {
		l.Name = name
		switch {
		case in == "header":
			l.In = InHeader
			return l, nil
		case in == "cookie":
			l.In = InCookie
			return l, nil
		case in == "path" && !l.Response:
			l.In = InPath
			return l, nil
		case in == "query" && !l.Response:
			l.In = InQuery
			return l, nil
		}
	}
	if l.Response {
		return l, fmt.Errorf("an answer has $response.body, $response.header.NAME and $response.cookie.NAME")
	}
	return l, fmt.Errorf("a request has $request.body, .path.NAME, .query.NAME, .header.NAME, .cookie.NAME, .bearer, .basic.username and .basic.password")
}
