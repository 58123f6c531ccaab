"""Generates tests/unit/request_info_rows.h: what a real API server makes of many requests.

    python3 tests/kube/requestinfo_rows.py [FILE]

Each is sent byte for byte over TLS with its own Audit-ID, by a user without any right, so that
nothing happens. The expectation is the audit event of stage RequestReceived, whose objectRef comes
straight from the server's RequestInfo (later stages take the name from the answer).

Left out are %00 in path and selectors, and invalid UTF-8: C strings and the log's JSON cannot show
what the server made of them.
"""

import concurrent.futures
import json
import pathlib
import socket
import sys
import uuid

from cluster import HERE, ClusterError, RealCluster

COLUMNS = 100
ROWS_MIN = 300
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ODD_METHODS = ("OPTIONS", "TRACE", "CONNECT", "get", "Post", "dElEtE", "PROPFIND", "LIST", "WATCH",
               "X-FOO")
PODS = "/api/v1/namespaces/n/pods"
FIELDS = ("verb", "apiGroup", "apiVersion", "resource", "subresource", "namespace", "name")

# Each entry: methods, then targets.
CATALOGUE = [
    # every method on every kind of place
    (METHODS, """/api/v1/pods /api/v1/nodes/x
        /api/v1/namespaces/n/pods /api/v1/namespaces/n/pods/p /api/v1/namespaces/n/pods/p/status
        /apis/apps/v1/namespaces/n/deployments/d/scale /apis/example.com/v1/namespaces/n/widgets/w
        /healthz"""),
    (ODD_METHODS, PODS + " /api/v1/pods /version /api/v1/watch/pods"),
    # namespaces: themselves, their own subresources, unlucky names
    (("GET", "PUT", "DELETE"), """/api/v1/namespaces /api/v1/namespaces/ /api/v1/namespaces/n
        /api/v1/namespaces/n/ /api/v1/namespaces/n/status /api/v1/namespaces/n/finalize
        /api/v1/namespaces/n/status/x /api/v1/namespaces/n/finalize/x/y
        /api/v1/namespaces/status /api/v1/namespaces/finalize"""),
    (("POST",), """/api/v1/namespaces /api/v1/namespaces/n /api/v1/namespaces/n/finalize
        /api/v1/namespaces/n/status"""),
    (("GET",), """/api/v1/namespaces/status/pods /api/v1/namespaces/finalize/pods/p
        /api/v1/namespaces/watch /api/v1/namespaces/watch/pods /api/v1/namespaces/proxy/services/s
        /api/v1/namespaces/namespaces /api/v1/namespaces/namespaces/pods
        /api/v1/namespaces/namespaces/namespaces /api/v1/namespaces/n/namespaces
        /api/v1/namespaces/n/namespaces/m /api/v1/namespaces/n/namespaces/m/pods
        /api/v1/namespaces/n/Status /api/v1/namespaces/n/statuses /api/v1/namespaces/status/status
        /api/v1/namespaces/n/watch/pods /api/v1/namespaces/n/proxy/pods/p
        /apis/apps/v1/namespaces /apis/apps/v1/namespaces/n /apis/apps/v1/namespaces/n/status
        /apis/apps/v1/namespaces/n/finalize /apis/example.com/v1/namespaces/n/status/s
        /api/v1/Namespaces/n/pods /api/v1/namespace/n/pods"""),
    # the verb in the path
    (("GET", "POST", "DELETE"), """/api/v1/watch/pods /api/v1/watch/namespaces/n/pods
        /api/v1/watch/namespaces/n/pods/p /api/v1/watch/namespaces/n /api/v1/proxy/nodes/x
        /api/v1/proxy/namespaces/n/services/s/a/b"""),
    (("GET",), """/api/v1/watch /api/v1/watch/ /api/v1/proxy /api/v1/proxy/ /api/v1/watch/namespaces
        /api/v1/watch/namespaces/n/status /api/v1/watch/namespaces/n/pods/p/log
        /api/v1/watch/nodes /api/v1/watch/nodes/x /api/v1/watch/watch/pods /api/v1/watch/proxy/pods
        /api/v1/proxy/watch/pods /api/v1/proxy/proxy/pods/p /api/v1/proxy/nodes/x:10250/metrics
        /api/v1/proxy/namespaces/n/pods/p:80/ /api/v1/proxy/namespaces/n/pods/http:p:80/a?watch=1
        /api/v1/proxy/namespaces/n/status /api/v1/proxy/namespaces/n
        /apis/apps/v1/watch/deployments /apis/apps/v1/watch/namespaces/n/deployments/d
        /apis/apps/v1/watch /apis/x/v1/proxy/namespaces/n/pods/p /apis/x/v1/proxy/namespaces
        /apis/x/v1/proxy /apis/watch/v1/pods /apis/proxy/v1/pods /api/watch/pods /api/watch/pods/p
        /api/proxy/pods /api/v1/Watch/pods /api/v1/%77atch/pods /api/v1/pr%6fxy/nodes/x
        /api/v1/watch/pods?watch=false /api/v1/watch/pods?fieldSelector=metadata.name%3Dx
        /api/v1/watch/namespaces/n/secrets?labelSelector=a%3Db /api/v1/watch//pods
        /api/v1/proxy//nodes/x /watch/api/v1/pods /api/v1/pods/watch /api/v1/pods/proxy
        /api/v1/pods/proxy/proxy"""),
    # list or watch
    (("GET",), [f"/api/v1/pods?{query}" for query in """watch watch= watch=1 watch=0 watch=2
        watch=true watch=True watch=TRUE watch=t watch=T watch=yes watch=no watch=false watch=False
        watch=FALSE watch=fALSE watch=f watch=F watch=00 watch=-0 watch=false%20 watch=+false
        watch=%20true watch=null watch=%31 watch=%30 watch=fals%65 watch=false%00
        watch=true&watch=false watch=false&watch=true watch=&watch=false watch=0&watch=1
        watch&watch=0 %77atch=1 wat%63h=true Watch=1 WATCH=true +watch=1 watch+=1 %20watch=1
        watch[]=1 watch%5B%5D=1 w=1 a=b&watch=1 a;watch=1 watch=1;a watch=1;watch=0
        watch=0;&watch=1 watch=0&a;b=c watch=%zz watch=%zz&watch=1 watch=1% %watch=1
        %zz=1&watch=1 &watch=1 &&watch=1&& =&watch=1 ?watch=1 watch=1?watch=0 watch==1 watch=0=1
        watch=true%26watch=false watch%3Dtrue watch=1#x watch=false#x limit=500&watch=0
        limit=abc limit=abc&watch=1 limit=abc&watch=0 limit=abc&watch=false limit=abc&watch=
        limit=abc&watch=False&watch=1 limit= timeoutSeconds=x&watch=1 timeoutSeconds=5&watch=1
        timeoutSeconds=1.5 resourceVersion=0&watch=true resourceVersion=zz
        resourceVersionMatch=NotOlderThan resourceVersionMatch=odd&watch=0
        allowWatchBookmarks=true allowWatchBookmarks=maybe&watch=1
        sendInitialEvents=true&watch=1 sendInitialEvents=x&watch=false continue=abc
        labelSelector=a%3Db labelSelector=a%20b&watch=1 labelSelector=%3D%3D&watch=false
        pretty=true follow=true watch=1&watch=%zz wátch=1 watch=ſ""".split()]),
    (METHODS[2:], "/api/v1/pods?watch=1 " + PODS + "/p?watch=true"),
    (("GET", "HEAD"), PODS + "/p?watch=1 " + PODS + "/p/log?watch=1 " + PODS + "/?watch=true "
     + PODS + "?watch=1"),
    (("HEAD",), """/api/v1/pods?watch=0 /api/v1/pods?fieldSelector=metadata.name%3Dx
        /healthz?watch=1 /api/v1?watch=1"""),
    (("GET",), "/api/v1?watch=1 /apis/apps/v1?watch=1 /api?watch=1 /?watch=1 "
     "/api/v1/namespaces?watch=1 /api/v1/namespaces/n?watch=1 /api/v1/namespaces/n/status?watch=1"),
    # a name in the field selector
    (("GET",), [f"{PODS}?{query}" for query in """fieldSelector=metadata.name=x
        fieldSelector=metadata.name%3Dx fieldSelector=metadata.name%3D%3Dx
        fieldSelector=metadata.name==x fieldSelector=metadata.name!=x
        fieldSelector=metadata.name= fieldSelector=metadata.name fieldSelector=
        fieldSelector=metadata.name%3Dx&watch=1 watch=0&fieldSelector=metadata.name%3Dx
        fieldSelector=metadata.name=x,status.phase=Running
        fieldSelector=status.phase=Running,metadata.name=x
        fieldSelector=metadata.name=x,metadata.name=y fieldSelector=metadata.name=x,metadata.name=x
        fieldSelector=metadata.name!=y,metadata.name=x fieldSelector=metadata.name=x,
        fieldSelector=,metadata.name=x fieldSelector=metadata.name=x,,spec.nodeName=y
        fieldSelector=metadata.namespace=m fieldSelector=spec.nodeName=x
        fieldSelector=metadata.namespace=m,metadata.name=x
        fieldSelector=metadata.name=a%2Fb fieldSelector=metadata.name=a/b
        fieldSelector=metadata.name=.. fieldSelector=metadata.name=. fieldSelector=metadata.name=...
        fieldSelector=metadata.name=a%25b fieldSelector=metadata.name=a%2525
        fieldSelector=metadata.name=a%5C,b fieldSelector=metadata.name=a%5C%3Db
        fieldSelector=metadata.name=a%5C%5Cb fieldSelector=metadata.name=a%5Cb
        fieldSelector=metadata.name=a=b fieldSelector=metadata.name%3D%20x
        fieldSelector=metadata.name+=+x fieldSelector=%20metadata.name=x
        fieldSelector=Metadata.Name=x fieldSelector=metadata.name%20in%20(x)
        fieldSelector=metadata.name=x&fieldSelector=metadata.name=y
        fieldSelector=&fieldSelector=metadata.name=y
        fieldselector=metadata.name=x fieldSelector=metadata.name=x&limit=abc
        fieldSelector=metadata.name=x&limit=abc&watch=1
        fieldSelector=metadata.name=x&labelSelector=a
        fieldSelector=metadata.name=x&labelSelector=%3D%3D fieldSelector=odd
        fieldSelector=metadata.name=x;y fieldSelector=metadata.name=x%3By
        fieldSelector=metadata.name=%zz fieldSelector=metadata.name=x%26watch=1
        fieldSelector=metadata.name=X_Y fieldSelector=metadata.name=system:x
        fieldSelector=metadata.name=%C3%A9 fieldSelector=metadata.name=x#y""".split()]),
    # what makes the server drop that name: options that do not decode
    (("GET",), [f"/api/v1/pods?fieldSelector=metadata.name=x&{query}" for query in """limit=5 limit=
        limit limit=+5 limit=-5 limit=%2B5 limit=%205 limit=05 limit=0x5 limit=1_0 limit=5.0
        limit=1e3
        limit=9223372036854775807 limit=9223372036854775808 limit=-9223372036854775808
        limit=-9223372036854775809 limit=5&limit=x limit=x&limit=5 limit=%zz limit=x;y Limit=x
        limit=00000000000000000000000000005 limit=- limit=%2B limit=--5 limit=\u0665
        timeoutSeconds=5 timeoutSeconds=x timeoutSeconds= timeoutSeconds=-1 timeoutSeconds=5s
        allowWatchBookmarks=maybe sendInitialEvents=x sendInitialEvents= resourceVersion=zz
        resourceVersionMatch=odd continue=%00 pretty=x includeObject=odd shardSelector=odd
        gracePeriodSeconds=x dryRun=x orphanDependents=x propagationPolicy=x kind=Pod apiVersion=v2
        watch=odd&limit=x""".split()]),
    (("GET",), [f"/api/v1/pods?fieldSelector=metadata.name=x&labelSelector={query}" for query in
        """a a=b a==b a!=b a= =b a=b=c a===b a=!b !a !a=b !!a a! a,b a,,b ,a a, , !
        a%20in%20(b) a%20in%20(b,c) a%20in%20() a%20in%20(b,) a%20in%20(,) a%20in%20(,,) a%20in%20b
        a%20in a%20in(b) a%20in%20(b a%20in%20b) a%20in%20(b)) a%20in%20((b)) a%20in%20(b%20c)
        a%20notin%20(b) a%20notin%20(b),c a%20not%20in%20(b) a%20IN%20(b) !a%20in%20(b) in notin
        in%20in%20(in) notin%20notin%20(notin) in=notin a=in a%20=%20b a+=+b %20a%20 a%20b
        a%20=%20b%20c
        a>1 a<1 a>x a> >1 a>=1 a>1,a<5 a>-1 a>1.5 a>01 a<9223372036854775808 a%3E1
        -a a- a.b a/b /a a/ a/b/c A/b example.com/a EXAMPLE.com/a example..com/a -example.com/a
        a_b=c_d a=-b a=b- a=b.c a=b/c a=B a=1 1=a a=b%20,c a=%C3%A9 %C3%A9=a a%09=b a%0a=b a=b%0d
        a=%22b%22 a=(b) (a) (a=b) a=b;c=d a%3Bb a=* *=a a=b%26c a:b=c a=b:c""".split()]),
    (("GET",), [f"/api/v1/pods?fieldSelector=metadata.name=x&labelSelector={query}" for query in (
        "k" * 63, "k" * 64, "a=" + "v" * 63, "a=" + "v" * 64, "p" * 253 + "/a", "p" * 254 + "/a",
        "a%20in%20(b," + "v" * 64 + ")", "a!=" + "v" * 64, "p" * 64 + ".io/a")]),
    (("GET",), """/api/v1/secrets?fieldSelector=metadata.name=x
        /api/v1/namespaces?fieldSelector=metadata.name=n
        /apis/apps/v1/deployments?fieldSelector=metadata.name=x&watch=true
        /api/v1/nodes?fieldSelector=metadata.name=x&limit=1
        /api/v1/pods?fieldSelector=metadata.namespace=a
        /api/v1/namespaces/n/pods/p?fieldSelector=metadata.name=q
        /api/v1/namespaces/n/pods/p/log?fieldSelector=metadata.name=q
        /healthz?fieldSelector=metadata.name=x"""),
    (("DELETE", "POST"), PODS + "?fieldSelector=metadata.name=x /api/v1/nodes?labelSelector=a%3Db "
     "/apis/apps/v1/namespaces/n/deployments?propagationPolicy=Background"),
    # subresources
    (("GET", "POST"), [f"{PODS}/p/{sub}" for sub in """exec attach portforward proxy log eviction
        binding ephemeralcontainers resize""".split()]),
    (("PUT", "PATCH"), PODS + "/p/ephemeralcontainers " + PODS + "/p/resize "
     "/api/v1/namespaces/n/replicationcontrollers/r/scale "
     "/apis/apps/v1/namespaces/n/statefulsets/s/scale /api/v1/nodes/x/status "
     "/apis/certificates.k8s.io/v1/certificatesigningrequests/c/approval"),
    (("GET",), [PODS + tail for tail in """/p/log?follow=true&container=c
        /p/log?previous=true&tailLines=5 /p/exec?command=sh&stdin=true&tty=true
        /p/attach?container=c&stdout=true /p/portforward?ports=8080 /p/proxy/a/b?x=y /p/proxy/
        /p:80/proxy/ /https:p:443/proxy/a /p/log/x /p/exec/x/y /p/status/ /p/LOG /p/unknown
        /p//log //p/log /p/log/ /p/log// /p/proxy//a""".split()]),
    (METHODS, "/api/v1/namespaces/n/services/s/proxy /api/v1/nodes/x/proxy/metrics"),
    (("GET", "POST"), """/api/v1/namespaces/n/services/http:s:80/proxy/
        /api/v1/namespaces/n/services/https:s:port/proxy/a/b?watch=1
        /api/v1/namespaces/n/services/s:/proxy /api/v1/namespaces/n/services/:s:/proxy
        /api/v1/nodes/x/proxy/run/n/p/c /api/v1/nodes/x:10250/proxy/exec
        /api/v1/nodes/https:x:10250/proxy/ /api/v1/nodes/x/log /api/v1/nodes/x/stats/summary
        /api/v1/nodes/x/metrics /api/v1/nodes/proxy /api/v1/namespaces/n/pods/proxy
        /api/v1/namespaces/n/serviceaccounts/s/token
        /api/v1/namespaces/n/pods/p/eviction?dryRun=All"""),
    (("PATCH",), """/api/v1/namespaces/n/configmaps/c?fieldManager=kubectl&force=true
        /apis/apps/v1/namespaces/n/deployments/d?fieldManager=x
        /apis/apps/v1/namespaces/n/deployments?fieldManager=x
        /apis/example.com/v1/namespaces/n/widgets/w/status
        /api/v1/namespaces/n?fieldManager=kubectl-label"""),
    # groups and versions
    (("GET",), """/api /api/ /api/v1 /api/v1/ /apis /apis/ /apis/apps /apis/apps/ /apis/apps/v1
        /apis/apps/v1/ /api/v2 /api/v2/pods /api/v1beta1/pods /api/pods /api/pods/p /api/pods/p/log
        /apis/v1/pods /apis/v1/pods/p /apis/v1/v1/pods /apis/v1/v1/v1 /api/apps/v1/deployments
        /apis//v1/pods /apis/apps//deployments /apis/apps/v1//deployments
        /apis/apps/v1beta2/deployments /apis/apps/v1/deployments/d/scale /apis/extensions/v1beta1/x
        /apis/batch/v1/namespaces/n/jobs/j /apis/batch/v1/namespaces/n/cronjobs?limit=1
        /apis/metrics.k8s.io/v1beta1/pods /apis/metrics.k8s.io/v1beta1/namespaces/n/pods/p
        /apis/metrics.k8s.io/v1beta1/nodes/x /apis/none.example.org/v1/things/t/sub/deep/er
        /apis/rbac.authorization.k8s.io/v1/clusterroles/system:node
        /apis/rbac.authorization.k8s.io/v1/namespaces/n/rolebindings
        /apis/apiregistration.k8s.io/v1/apiservices/v1.apps
        /apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com
        /apis/example.com/v1/widgets /apis/example.com/v1/gadgets/g
        /apis/example.com/v1/gadgets/g/status /apis/example.com/v1/namespaces/n/gadgets/g
        /apis/example.com/v1/namespaces/n/widgets?watch=true /apis/example.com/v1
        /apis/EXAMPLE.com/v1/widgets /apis/example.com/V1/widgets /apis/example.com/v1/WIDGETS
        /apis/pods/pods/pods/pods/pods/pods /api/api/api/api /apis/apis/apis/apis /api/v1/api/v1
        /api/v1/namespaces/n/events?limit=500&continue=x /api/v1/componentstatuses
        /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"""),
    (("POST",), """/apis/authorization.k8s.io/v1/selfsubjectaccessreviews
        /apis/authorization.k8s.io/v1/namespaces/n/localsubjectaccessreviews
        /apis/authentication.k8s.io/v1/tokenreviews /api/v1/namespaces/n/bindings
        /apis/authentication.k8s.io/v1/selfsubjectreviews /apis/policy/v1/namespaces/n/evictions
        /apis/example.com/v1/widgets /api/v1 /apis /apis/apps/v1 /api"""),
    (("DELETE", "PUT"), "/api/v1 /apis/apps/v1 /api/v1/ /"),
    # slashes and dots
    (("GET",), """// /// //api/v1/pods ///api/v1/pods /api//v1/pods /api/v1//pods /api/v1/pods/
        /api/v1/pods// /api/v1/pods/// /api/v1/pods//p /api/v1//namespaces/n/pods
        /api/v1/namespaces//pods /api/v1/namespaces//pods/p /api/v1/namespaces/n//pods
        /api/v1/namespaces/n//pods/p /api/v1/namespaces// /api/v1/namespaces//
        /api/v1/namespaces//status /api/v1/namespaces/n/pods/ /api/v1/namespaces/n/pods/?watch=1
        /api/v1/namespaces/n/pods//?watch=1 /api/v1/pods/?watch=1 /api/v1/nodes//proxy/x
        /api/v1/./pods /api/v1/../v1/pods /api/../api/v1/pods /./api/v1/pods /../api/v1/pods
        /api/v1/namespaces/a/../b/secrets /api/v1/namespaces/a/./secrets /api/v1/namespaces/./pods
        /api/v1/namespaces/../pods /api/v1/namespaces/n/pods/.. /api/v1/namespaces/n/pods/p/..
        /api/v1/namespaces/n/pods/p/../q/log /api/v1/namespaces/a/..;/b/secrets /api/v1/..;/pods
        /api/v1/namespaces/a/.../secrets /healthz/../api/v1/secrets /healthz//ping /api/v1/pods/.
        /version/.. /apis/../api/v1/nodes"""),
    (("DELETE",), "/api/v1/pods/ " + PODS + "/ " + PODS + "// " + PODS + "//p /api/v1//pods"),
    # escapes
    (("GET",), """/%61pi/v1/pods /api/%76%31/pods /api/v1/%70ods /api/v1/p%6Fds /api%2Fv1%2Fpods
        /%2fapi/v1/pods /api/v1%2fpods /api/v1/namespaces%2fn/pods /api/v1/namespaces/a%2fb/pods
        /api/v1/namespaces/a%2F..%2Fb/pods /api/v1/namespaces/n/pods/a%2flog
        /api/v1/namespaces/n/pods%2fp /api/v1/namespaces/n/pods/p%2f /api/v1/namespaces/n%2fstatus
        /api/v1/%6eamespaces/n/pods /api/v1/namespaces/%6e/pods /api/v1/namespaces/n/st%61tus
        /api/v1/namespaces/n/%73tatus /api/v1/%2e/pods /api/v1/%2e%2e/pods
        /api/v1/namespaces/a/%2e%2e/b/secrets /api/v1/namespaces/a/%2E%2E/b/secrets
        /api/v1/namespaces/a/.%2e/b/secrets /api/v1/namespaces/a/%252e%252e/b/secrets
        /api/v1/namespaces/a/%252fb/secrets /api/v1/namespaces/n/pods/%25
        /api/v1/namespaces/n/pods/%2525
        /api/v1/namespaces/n/pods/a%20b /api/v1/namespaces/n/pods/a+b
        /api/v1/namespaces/n/pods/a%2bb
        /api/v1/namespaces/n/pods/a;b /api/v1/namespaces/n/pods/a%3Bb /api/v1/pods;watch=1
        /api/v1/namespaces/n/pods/a&b=c /api/v1/namespaces/n/pods/a=b
        /api/v1/namespaces/n/pods/p%3fwatch=1
        /api/v1/namespaces/n/pods/p%23x /api/v1/namespaces/n/pods/p#x /api/v1/pods#x /api/v1/#/pods
        /api/v1\\pods /api/v1%5cpods /api/v1/namespaces/a\\..\\b/pods
        /api/v1/namespaces/a%5c..%5cb/pods
        /api/v1/namespaces/n/pods/p%0alog /api/v1/namespaces/n/pods/p%0d%0aX:%20y
        /api/v1/namespaces/n/pods/%09 /api/v1/namespaces/n/pods/%20 /api/v1/namespaces/n/pods/%7f
        /api/v1/namespaces/n/pods/%22%27 /api/v1/namespaces/n/pods/"q" /api/v1/namespaces/n/pods/<a>
        /api/v1/namespaces/n/pods/{p} /api/v1/namespaces/n/pods/a|b /api/v1/namespaces/n/pods/^`~
        /api/v1/namespaces/n/pods/é /api/v1/namespaces/n/pods/%c3%a9
        /api/v1/namespaces/n/pods/%E2%80%AE
        /api/v1/namespaces/．．/pods /api/v1/namespaces/%ef%bc%8e%ef%bc%8e/pods
        /api/v1／pods /api/v1/namespaces/a%EF%BC%8Fb/pods /apiſ/apps/v1/pods
        /api/v1/namespaces/n/pods/a:b@c /api/v1/namespaces/n/pods/$%24!'()*, /api/v1/pods?
        /api/v1/pods??
        /api/v1/pods/?fieldSelector=metadata.name=x /api/v1/pods?/../secrets
        /api/v1/pods?x=/api/v1/secrets /api/v1/namespaces/n/pods/p?x=%00
        /api/v1/pods/%zz /api/v1/pods/% /api/v1/pods/%4 /api/v1/pods/%4g /api/v1/%/pods
        /api/v1/namespaces/%u0061/pods /api/v1/namespaces/%%61/pods"""),
    (("GET", "DELETE"), [f"{PODS}/{'a' * 253}", f"{PODS}/{'b' * 254}", f"/api/v1/{'c' * 300}",
                         f"/api/v1/namespaces/{'d' * 64}/pods", f"{PODS}/p/{'s' * 100}",
                         "/" + "/".join("z" * 60), "/api/v1/" + "/".join("yx" * 40)]),
    # not the API
    (("GET",), """/ /healthz/etcd /livez?verbose /readyz /readyz/ping /metrics /metrics/slis
        /version/ /version/x /version/x/y /openapi/v2 /openapi/v3 /openapi/v3/apis/apps/v1?hash=A
        /logs /logs/ /logs/kube-apiserver.log /logs/a/b/c/d /debug/pprof/profile /debug/flags/v
        /.well-known/openid-configuration /openid/v1/jwks /flagz /statusz /configz /swagger.json
        /swaggerapi/api/v1 /API/v1/pods /Api/v1/pods /api1/v1/pods /apiss/apps/v1/pods /xapi/v1/pods
        /APIS/apps/v1/pods /clusters/c/k8s/api/v1/pods /k8s/api/v1/namespaces/n/pods /ui
        /api.v1.pods /api/v1?fieldSelector=metadata.name=x /a/b/c/d/e/f /favicon.ico"""),
    (("PUT", "POST", "DELETE"), "/debug/flags/v /a/b/c/d /API/v1/pods"),
]


def requests():
    """(method, target) of every request, each once, in catalogue order."""
    seen = {}
    for methods, targets in CATALOGUE:
        if isinstance(targets, str):
            targets = targets.split()
        seen.update(dict.fromkeys((method, target) for target in targets for method in methods))
    return list(seen)


def send(cluster, token, method, target):
    """Sends one request as it stands; returns its Audit-ID and the answer's status (0: none)."""
    audit_id = str(uuid.uuid4())
    head = (f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Audit-ID: {audit_id}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", cluster.port), 10) as plain, \
            cluster.tls_context().wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(head.encode())
        answer = b""
        while piece := tls.recv(65536):
            answer += piece
    words = answer.split(b" ", 2)
    return audit_id, int(words[1]) if len(words) > 1 else 0


def received(cluster):
    """Audit-ID -> event, of the stage at which nothing but RequestInfo has filled the event."""
    return {event["auditID"]: event for event in cluster.audit_events()
            if event["stage"] == "RequestReceived"}


def c_string(text):
    """The text as C literals next to each other, none too long for a line; what is not plain ASCII,
    and a second '?' in a row (of a trigraph), as octal escapes."""
    pieces, last = [""], 0
    for byte in text.encode():
        plain = 32 <= byte < 127 and chr(byte) not in '"\\' and not byte == last == ord("?")
        if len(pieces[-1]) > COLUMNS - 20:
            pieces.append("")
        pieces[-1] += chr(byte) if plain else f"\\{byte:03o}"
        last = byte
    return [f'"{piece}"' for piece in pieces]


def row(values):
    """One initialiser, of lists of literals; wrapped where it must be, a tab counting four."""
    words = [word for value in values[:-1] for word in (*value[:-1], value[-1] + ",")]
    lines = ["\t{"]
    for word in (*words, *values[-1], "},"):
        if len(lines[-1].expandtabs(4)) + 1 + len(word) > COLUMNS:
            lines.append("\t\t" + word)
        else:
            lines[-1] += " " + word
    return "\n".join(lines)


def rows_and_refusals(sent, events):
    rows, refused = [], []
    for method, target, audit_id, status in sent:
        event = events.get(audit_id)
        head = [c_string(method), c_string(target)]
        if event is None:
            if status < 400:
                raise ClusterError(f"{method} {target}: answered {status} without an audit event")
            refused.append(row(head))
            continue
        what = event.get("objectRef")
        fields = {"verb": event["verb"], **(what or {})}
        texts = [fields.get(name, "") for name in FIELDS]
        if any("\0" in text or "\ufffd" in text for text in texts):
            raise ClusterError(f"{method} {target}: {texts} cannot be written as a C string")
        rows.append(row(head + [["1" if what else "0"]] + [c_string(text) for text in texts]))
    return rows, refused


def header(version, rows, refused):
    return "\n".join([
        f"/* What kube-apiserver {version} made of each request, by its own audit log.",
        " * Generated by tests/kube/requestinfo_rows.py: change that and run it, not this. */",
        "#ifndef MK8S_TESTS_REQUEST_INFO_ROWS_H",
        "#define MK8S_TESTS_REQUEST_INFO_ROWS_H",
        "",
        "struct request_info_row {",
        "\tconst char *method, *target; /* as sent */",
        "\tint is_resource;",
        "\tconst char *verb, *group, *version, *resource, *subresource, *namespace, *name;",
        "};",
        "",
        "static const struct request_info_row request_info_rows[] = {",
        *rows,
        "};",
        "",
        "/* Answered 400 or 500 before the audit stage: the server made nothing of them. */",
        "static const struct {",
        "\tconst char *method, *target;",
        "} request_info_refused[] = {",
        *refused,
        "};",
        "",
        "#endif",
        ""])


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1
                       else HERE.parent / "unit" / "request_info_rows.h")
    with RealCluster() as cluster:
        cluster.create_crd("example.com", "v1", "widgets", "Widget")
        cluster.create_crd("example.com", "v1", "gadgets", "Gadget", namespaced=False)
        token, _ = cluster.create_service_account("default", "without-rights")
        version = cluster.api("GET", "/version")["gitVersion"]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            sent = list(pool.map(
                lambda request: (*request, *send(cluster, token, *request)), requests()))
        events = received(cluster)
    rows, refused = rows_and_refusals(sent, events)
    if len(rows) < ROWS_MIN:
        raise ClusterError(f"only {len(rows)} rows: at least {ROWS_MIN} are wanted")
    out.write_text(header(version, rows, refused))
    print(f"{out}: {len(rows)} rows, {len(refused)} refused, kube-apiserver {version}")


if __name__ == "__main__":
    try:
        main()
    except ClusterError as failure:
        sys.exit(f"requestinfo_rows.py: {failure}")
