/* What there is to know about a header by its name alone. */
#include <string.h>
#include <strings.h>

#include "sip_priv.h"

/* Sorted by use, as the search is linear over rows of the same first letter. */
static const struct gw_sip_name names[] = {
    /* name, compact, list, once, checked */
    { "Via", 'v', true, false, true },
    { "From", 'f', false, true, true },
    { "To", 't', false, true, true },
    { "Call-ID", 'i', false, true, true },
    { "CSeq", 0, false, true, true },
    { "Contact", 'm', true, false, true },
    { "Max-Forwards", 0, false, true, true },
    { "Content-Type", 'c', false, true, true },
    { "Content-Length", 'l', false, true, true },
    { "Route", 0, true, false, true },
    { "Record-Route", 0, true, false, true },
    { "Path", 0, true, false, true },
    { "Service-Route", 0, true, false, true },
    { "Supported", 'k', true, false, false },
    { "Require", 0, true, false, true },
    { "Proxy-Require", 0, true, false, true },
    { "Unsupported", 0, true, false, false },
    { "Allow", 0, true, false, false },
    { "Accept", 0, true, false, false },
    { "Accept-Contact", 'a', true, false, false },
    { "Accept-Encoding", 0, true, false, false },
    { "Accept-Language", 0, true, false, false },
    { "Accept-Resource-Priority", 0, true, false, false },
    { "Alert-Info", 0, true, false, false },
    { "Allow-Events", 'u', true, false, false },
    { "Call-Info", 0, true, false, false },
    { "Content-Disposition", 0, false, true, false },
    { "Content-Encoding", 'e', true, false, false },
    { "Content-Language", 0, true, false, false },
    { "Diversion", 0, true, false, false },
    { "Error-Info", 0, true, false, false },
    { "Event", 'o', false, true, true },
    { "Expires", 0, false, true, true },
    { "Geolocation", 0, true, false, false },
    { "History-Info", 0, true, false, false },
    { "Identity", 'y', false, false, false },
    { "In-Reply-To", 0, true, false, false },
    { "Join", 0, false, true, false },
    { "Min-SE", 0, false, true, true },
    { "P-Access-Network-Info", 0, true, false, false },
    { "P-Asserted-Identity", 0, true, false, false },
    { "P-Associated-URI", 0, true, false, false },
    { "P-Preferred-Identity", 0, true, false, false },
    { "P-Visited-Network-ID", 0, true, false, false },
    { "Permission-Missing", 0, true, false, false },
    { "RAck", 0, false, true, true },
    { "Reason", 0, true, false, false },
    { "Recv-Info", 0, true, false, false },
    { "Refer-To", 'r', false, true, true },
    { "Referred-By", 'b', false, true, false },
    { "Reject-Contact", 'j', true, false, false },
    { "Replaces", 0, false, true, true },
    { "Request-Disposition", 'd', true, false, false },
    { "Resource-Priority", 0, true, false, false },
    { "RSeq", 0, false, true, true },
    { "Security-Client", 0, true, false, false },
    { "Security-Server", 0, true, false, false },
    { "Security-Verify", 0, true, false, false },
    { "Session-Expires", 'x', false, true, true },
    { "Subject", 's', false, false, false },
    { "Subscription-State", 0, false, true, true },
    { "Trigger-Consent", 0, true, false, false },
    { "Warning", 0, true, false, false },
    /* Not lists, though commas stand in them: Authorization, Proxy-Authorization, WWW-Authenticate, Proxy-Authenticate,
     * Date, Subject, P-Charging-Vector, and everything that is not in this table. */
};

const struct gw_sip_name *gw_sip_name_find(const char *name, size_t len)
{
    if (len == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct gw_sip_name *row = &names[i];

        if (len == 1 ? row->compact && (name[0] | 0x20) == row->compact
                     : (name[0] | 0x20) == (row->name[0] | 0x20) && strncasecmp(name, row->name, len) == 0 &&
                           row->name[len] == '\0')
            return row;
    }
    return NULL;
}

const char *gw_sip_status_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } rows[] = {
        { 100, "Trying" },
        { 180, "Ringing" },
        { 181, "Call Is Being Forwarded" },
        { 182, "Queued" },
        { 183, "Session Progress" },
        { 199, "Early Dialog Terminated" },
        { 200, "OK" },
        { 202, "Accepted" },
        { 204, "No Notification" },
        { 300, "Multiple Choices" },
        { 301, "Moved Permanently" },
        { 302, "Moved Temporarily" },
        { 305, "Use Proxy" },
        { 380, "Alternative Service" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 402, "Payment Required" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 407, "Proxy Authentication Required" },
        { 408, "Request Timeout" },
        { 410, "Gone" },
        { 412, "Conditional Request Failed" },
        { 413, "Request Entity Too Large" },
        { 414, "Request-URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 416, "Unsupported URI Scheme" },
        { 417, "Unknown Resource-Priority" },
        { 420, "Bad Extension" },
        { 421, "Extension Required" },
        { 422, "Session Interval Too Small" },
        { 423, "Interval Too Brief" },
        { 424, "Bad Location Information" },
        { 428, "Use Identity Header" },
        { 429, "Provide Referrer Identity" },
        { 430, "Flow Failed" },
        { 433, "Anonymity Disallowed" },
        { 439, "First Hop Lacks Outbound Support" },
        { 440, "Max-Breadth Exceeded" },
        { 469, "Bad Info Package" },
        { 470, "Consent Needed" },
        { 480, "Temporarily Unavailable" },
        { 481, "Call/Transaction Does Not Exist" },
        { 482, "Loop Detected" },
        { 483, "Too Many Hops" },
        { 484, "Address Incomplete" },
        { 485, "Ambiguous" },
        { 486, "Busy Here" },
        { 487, "Request Terminated" },
        { 488, "Not Acceptable Here" },
        { 489, "Bad Event" },
        { 491, "Request Pending" },
        { 493, "Undecipherable" },
        { 494, "Security Agreement Required" },
        { 500, "Server Internal Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Server Time-out" },
        { 505, "Version Not Supported" },
        { 513, "Message Too Large" },
        { 580, "Precondition Failure" },
        { 600, "Busy Everywhere" },
        { 603, "Decline" },
        { 604, "Does Not Exist Anywhere" },
        { 606, "Not Acceptable" },
        { 607, "Unwanted" },
        { 608, "Rejected" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].status == status)
            return rows[i].phrase;
    return "Unknown";
}
