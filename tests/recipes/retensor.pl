# retensor.pl IN OUT CODE: a safetensors file written again. CODE sees @t, a list of { name, dtype, shape (its JSON), data }, and may
# change it.
use strict;
use warnings;

my ($in, $out, $code) = @ARGV;
open my $f, '<:raw', $in or die "$in: $!\n";
local $/;
my $x = <$f>;
my $n = unpack 'Q<', $x;
my ($header, $data) = (substr($x, 8, $n), substr $x, 8 + $n);
our @t;
while ($header =~ /"((?!__metadata__|dtype|shape|data_offsets|format)[^"]+)":\{"dtype":"(\w+)","shape":(\[[\d,]*\]),"data_offsets":\[(\d+),(\d+)\]/g) {
  push @t, { name => $1, dtype => $2, shape => $3, data => substr $data, $4, $5 - $4 };
}
eval $code;
die $@ if $@;
my ($at, @entries) = (0);
for my $t (@t) {
  push @entries, sprintf '"%s":{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}', $t->{name}, $t->{dtype}, $t->{shape}, $at,
    $at + length $t->{data};
  $at += length $t->{data};
}
my $h = '{' . join(',', @entries) . '}';
open my $o, '>:raw', $out or die "$out: $!\n";
print $o pack('Q<', length $h), $h, map { $_->{data} } @t;
