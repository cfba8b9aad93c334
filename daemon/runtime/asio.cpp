// The compiled part of Boost.Asio, once (BOOST_ASIO_SEPARATE_COMPILATION is set for everyone who links us).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
