# Tells how long a text is, and nothing else of it. A line comes in and a line goes out.
exec awk '{ print "a text of " NF " words" }'
