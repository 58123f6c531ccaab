// Reads audit events (standard input, one JSON document a line) as a Kubernetes API server itself would: strictly, by the
// types and defaults of k8s.io/apiserver, there and back without loss. Prints what it understood, one line an event.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
)

const lineMax = 16 << 20

type reader struct {
	decoder runtime.Decoder
	encoder runtime.Encoder
}

// keeps says whether what is written from the event has every member of the line that it was read from.
func (r *reader) keeps(line []byte, event *auditinternal.Event) error {
	written, err := runtime.Encode(r.encoder, event)
	if err != nil {
		return err
	}
	var before, after map[string]any
	if err := json.Unmarshal(line, &before); err != nil {
		return err
	}
	if err := json.Unmarshal(written, &after); err != nil {
		return err
	}
	for name, value := range before {
		if !reflect.DeepEqual(value, after[name]) {
			return fmt.Errorf("%s: %v became %v", name, value, after[name])
		}
	}
	return nil
}

func (r *reader) read(line []byte) (*auditinternal.Event, error) {
	event := &auditinternal.Event{}
	object, kind, err := r.decoder.Decode(line, nil, event)
	if err != nil {
		return nil, err
	}
	if object != runtime.Object(event) || *kind != auditv1.SchemeGroupVersion.WithKind("Event") {
		return nil, fmt.Errorf("it is a %s", kind)
	}
	if event.Stage != auditinternal.StageRequestReceived && event.Stage != auditinternal.StageResponseComplete {
		return nil, fmt.Errorf("unknown stage %q", event.Stage)
	}
	if event.AuditID == "" || event.StageTimestamp.IsZero() || event.RequestReceivedTimestamp.IsZero() ||
		event.RequestReceivedTimestamp.After(event.StageTimestamp.Time) {
		return nil, fmt.Errorf("id or times are missing or out of order")
	}
	return event, r.keeps(line, event)
}

func say(e *auditinternal.Event) {
	resource, namespace, name := "-", "-", "-"
	if e.ObjectRef != nil {
		resource, namespace, name = e.ObjectRef.Resource, e.ObjectRef.Namespace, e.ObjectRef.Name
		if e.ObjectRef.Subresource != "" {
			resource += "/" + e.ObjectRef.Subresource
		}
	}
	code := int32(0)
	if e.ResponseStatus != nil {
		code = e.ResponseStatus.Code
	}
	fmt.Printf("%s %s %s %s %q %q %d %s\n", e.AuditID, e.Stage, e.Verb, resource, namespace, name, code, e.User.Username)
}

func main() {
	codecs := serializer.NewCodecFactory(audit.Scheme, serializer.EnableStrict)
	r := &reader{
		decoder: codecs.UniversalDecoder(auditinternal.SchemeGroupVersion),
		encoder: audit.Codecs.LegacyCodec(auditv1.SchemeGroupVersion),
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMax)
	for number := 1; lines.Scan(); number++ {
		event, err := r.read(lines.Bytes())
		if err != nil {
			fmt.Fprintf(os.Stderr, "line %d: %v\n", number, err)
			os.Exit(1)
		}
		say(event)
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
